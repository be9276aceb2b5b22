"""The rows of a frame as named tuples, and grouped."""

from __future__ import annotations

from collections import defaultdict, namedtuple
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

MODEL: Final = ["benchmark_name", "model_name"]
"""The key of what is compared, in the count tables."""

Record = Any
"""A row of a frame as a named tuple: columns are attributes, texts and numbers are Python's own."""


def records(frame: pd.DataFrame) -> Iterator[Record]:
    """Return the rows of a frame as named tuples."""
    row = namedtuple("row", frame.columns)  # type: ignore[misc]  # noqa: PYI024 - the columns are known only here
    columns = (frame[name].tolist() for name in frame.columns)
    return map(row._make, zip(*columns, strict=True))


def grouped(frame: pd.DataFrame, by: Sequence[str]) -> dict[Any, list[Record]]:
    """Return the rows of a frame by the value of a column, or by the tuple of several, in order of appearance.

    A key that is not there has no rows: the result is a `defaultdict`.
    """
    key = attrgetter(*by)
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in records(frame):
        groups[key(row)].append(row)
    return groups
