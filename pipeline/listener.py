"""What an analysis tells while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Listener(NamedTuple):
    """What an analysis tells while it works: messages, the bytes there are to read, the bytes just read."""

    say: Callable[[str], None] = lambda _: None
    expect: Callable[[int], None] = lambda _: None
    advance: Callable[[int], None] = lambda _: None


SILENT: Final = Listener()
"""Nobody listens."""
