"""What a command answers: for people and for programs."""

from __future__ import annotations

from typing import Any, NamedTuple


class Answer(NamedTuple):
    """The same thing twice: plain text, and an object for `--json`."""

    text: str
    data: dict[str, Any]
