"""Run a stage in a second thread, one item behind its source, so that reading and computing overlap."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_behind(stage: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply `stage` to each item, in order; while it works on one, the source makes the next.

    At most two items are alive at a time. What either side raises is raised here.
    """
    with ThreadPoolExecutor(max_workers=1) as worker:
        pending: Future[Result] | None = None
        for item in items:
            if pending is not None:
                yield pending.result()
            pending = worker.submit(stage, item)
        if pending is not None:
            yield pending.result()
