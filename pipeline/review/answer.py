"""The answer of a command: for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """The same result twice: plain text, and an object for `--json`."""

    text: str
    data: dict[str, Any]
