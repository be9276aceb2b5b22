"""The judged-JSONL format: a block of bytes -> its rows, its bad lines and its repairs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.ledger.lines import BLANK, BOM, too_deep
from pipeline.load.repair import MAX_DEPTH, MAX_TURN, PAYLOADS, LineError, row_fields
from pipeline.schema import TURN_TAKING

if TYPE_CHECKING:
    from collections.abc import Callable

"""A line that contains nothing but its line ending, of which `\\n` is cut off."""


class JudgedRow(msgspec.Struct, gc=False):
    """One judged row as a line holds it; other keys are passed over."""

    turn: int
    scores: dict[str, bool | None]
    user_text: str | None = None
    assistant_text: str | None = None
    judge_reasoning: str | None = None
    claude_reasoning: str | None = None
    openai_reasoning: str | None = None
    reasoning: str | None = None
    model_name: str | None = None
    latency_ms: float | None = None
    ttfb_ms: float | None = None
    tool_calls: msgspec.Raw = msgspec.Raw(b"null")
    tool_results: msgspec.Raw = msgspec.Raw(b"null")
    turn_taking_issues: msgspec.Raw = msgspec.Raw(b"null")
    oracle_continuation: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def explanation(self) -> str:
        """The judge's reasoning: the first that is not empty; the issues found where turn-taking failed follow it."""
        said = self.judge_reasoning or self.claude_reasoning or self.openai_reasoning or self.reasoning or ""
        if self.scores.get(TURN_TAKING) is not False:
            return said
        return "\n".join(part for part in (said, _issues(bytes(self.turn_taking_issues))) if part)

    @property
    def stored(self) -> bool:
        """Whether anything of the response was written, be it empty."""
        return self.assistant_text is not None or bytes(self.tool_calls).strip() != b"null"


def _issues(text: bytes) -> str:
    """Return the issues that the analysis of turn-taking found, as a sentence; nothing where there are none."""
    if text == b"null":
        return ""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    issues = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    named = ", ".join(issue if isinstance(issue, str) else json.dumps(issue) for issue in issues if issue)
    return f"turn_taking_issues: {named.encode(errors='replace').decode()}" if named else ""


_decode: Final[Callable[[bytes], JudgedRow]] = msgspec.json.Decoder(JudgedRow).decode


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no judged row: its number, what is wrong, the nearest fix, and its bytes."""

    line: int
    what: str
    fix: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Repair:
    """A row that loaded only after something in it was replaced."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows of one block with their line numbers, its bad lines (a line may have several) and its repairs."""

    rows: list[JudgedRow]
    lines: list[int]
    bad: list[BadLine]
    repairs: list[Repair]


def decode(block: bytes, first_line: int = 1) -> Decoded:
    r"""Decode a block of whole lines, the first of which has the number `first_line`.

    Each line is strict UTF-8, then decoded typed and fast; a line that this refuses goes through the standard
    library once more, which accepts what other writers emit (NaN, lone surrogates, loose types).
    Blank lines, of which nothing but the line ending is there, are passed over. Only line 1 may begin with a
    byte-order mark. Lines end at `\n` alone, so U+2028 inside a string is text.
    """
    decoded = Decoded([], [], [], [])
    for number, line in enumerate(block.split(b"\n"), first_line):
        if number == 1:
            line = line.removeprefix(BOM)  # noqa: PLW2901 - the mark belongs to the file
        if line in BLANK:
            continue
        try:
            if not line.isascii():
                line.decode()  # msgspec checks the strings that it keeps, not those that it passes over
            row: JudgedRow | None = None if too_deep(line, MAX_DEPTH) else _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            row = None
        if row is None or not 0 <= row.turn <= MAX_TURN:
            found: list[str] = []
            try:
                row = _lenient(line, found)
            except LineError as error:
                decoded.bad.extend(BadLine(number, what, fix, line) for what, fix in error.faults)
                continue
            decoded.repairs.extend(Repair(number, what) for what in found)
        decoded.rows.append(row)
        decoded.lines.append(number)
    return decoded


def _lenient(line: bytes, found: list[str]) -> JudgedRow:
    """Decode a line that the fast way refused; `found` receives the repairs."""
    fields = row_fields(line, found)
    return JudgedRow(**fields | {name: msgspec.Raw(fields[name]) for name in PAYLOADS})
