"""A progress bar on a terminal, for work that takes longer than a second."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self

import typer

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE = 1.0


class Progress:
    """Count bytes read, and show a bar on stderr once the work has taken a second; elsewhere nothing."""

    def __init__(self) -> None:
        self._total = 0
        self._done = 0
        self._shown = 0
        self._start = time.monotonic()
        self._bar: Any = None  # Typer does not export the bar's type

    def expect(self, size: int) -> None:
        """Take note of how many bytes there are to read."""
        self._total += size

    def advance(self, size: int) -> None:
        """Take note of bytes read."""
        self._done += size
        late = time.monotonic() - self._start > _PATIENCE
        if self._bar is None and late and sys.stderr is not None and sys.stderr.isatty():
            self._bar = typer.progressbar(length=self._total, label="Reading runs", file=sys.stderr)
            self._bar.__enter__()
        if self._bar is not None:
            self._bar.update(self._done - self._shown)
            self._shown = self._done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)
