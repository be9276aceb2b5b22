"""What an analysis tells while it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Listener:
    """What an analysis tells while it works: messages, the bytes there are to read, the bytes just read."""

    say: Callable[[str], None] = lambda _: None
    expect: Callable[[int], None] = lambda _: None
    advance: Callable[[int], None] = lambda _: None


SILENT: Final = Listener()
"""Nobody listens."""
