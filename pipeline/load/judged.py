"""The judged-JSONL format: a block of bytes -> one Arrow table of rows, its bad lines and its repairs."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.load.repair import MAX_TURN, PAYLOADS, LineError, clean, integer, row_fields, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE: Final = pa.schema(
    {
        c.SOURCE_LINE: pa.int64(),
        c.TURN: pa.int64(),
        c.MODEL: pa.large_string(),
        c.LATENCY_MS: pa.float64(),
        c.TTFB_MS: pa.float64(),
        **dict.fromkeys(c.TEXTS, pa.large_string()),
        c.DIMENSIONS: pa.large_list(pa.string()),
        c.PASSES: pa.large_list(pa.bool_()),
    }
)
"""One row per judged row. Texts are never null; `tool_calls` and `tool_results` are JSON text."""


class _Row(msgspec.Struct, gc=False):
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


_decode: Final[Callable[[bytes], _Row]] = msgspec.json.Decoder(_Row).decode
_decode_lines: Final[Callable[[bytes], list[_Row]]] = msgspec.json.Decoder(_Row).decode_lines
_BOM: Final = b"\xef\xbb\xbf"
# What msgspec lets through in a raw payload and our outputs must not hold: numbers that may lie beyond a
# float's range, and a bare carriage return between tokens, which some readers take for a line's end.
_SUSPECT_PAYLOAD: Final = r"[eE]\+?[0-9]{2}|[0-9]{200}|\r"


class BadLine(NamedTuple):
    """A line that is no judged row: its number, what is wrong, the nearest fix, and its bytes."""

    line: int
    what: str
    fix: str
    raw: bytes


class Repair(NamedTuple):
    """A row that loaded only after something in it was replaced."""

    line: int
    what: str


class Decoded(NamedTuple):
    """The rows of one block, its bad lines (a line may have several problems) and its repairs."""

    table: pa.Table
    bad: list[BadLine]
    repairs: list[Repair]


def decode(block: bytes, first_line: int = 1) -> Decoded:
    r"""Decode a block of whole lines, the first of which has the number `first_line`.

    Each line is strict UTF-8, then decoded typed and fast; a line that this refuses goes through the standard
    library once more, which accepts what other writers emit (NaN, lone surrogates, loose types).
    Blank lines are passed over. Lines end at `\n` alone, so U+2028 inside a string is text.
    """
    repairs: list[Repair] = []
    if sound := _decode_at_once(block):
        return Decoded(_table(sound, list(range(first_line, first_line + len(sound))), repairs), [], repairs)
    rows: list[_Row] = []
    numbers: list[int] = []
    bad: list[BadLine] = []
    for number, line in enumerate(block.split(b"\n"), first_line):
        try:
            if not line.isascii():
                line.decode()  # msgspec looks at the strings that it keeps, not at those that it passes over
            row: _Row | None = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = None
        if row is None or not 0 <= row.turn <= MAX_TURN:
            found: list[str] = []
            try:
                row = _lenient(line.removeprefix(_BOM), found)
            except LineError as error:
                bad.extend(BadLine(number, what, fix, line) for what, fix in error.faults)
                continue
            if row is None:
                continue
            repairs.extend(Repair(number, what) for what in found)
        rows.append(row)
        numbers.append(number)
    return Decoded(_table(rows, numbers, repairs), bad, repairs)


def _decode_at_once(block: bytes) -> list[_Row] | None:
    """Decode a block that is sound to the last byte, one object a line; `None` for any other."""
    if not block or not _is_utf8(block):
        return None
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    ends = ends if block.endswith(b"\n") else np.append(ends, len(block))
    starts = np.concatenate([[0], ends[:-1] + 1])
    # No object goes on behind a line's `}` at the next line's `{`: as many objects as lines are one in each.
    if (data[starts] != ord("{")).any() or (data[ends - 1] != ord("}")).any():
        return None
    try:
        rows = _decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return rows if len(rows) == len(ends) and all(0 <= row.turn <= MAX_TURN for row in rows) else None


def _is_utf8(block: bytes) -> bool:
    """Tell whether a block is strict UTF-8: msgspec looks at the strings that it keeps, not at those that it skips."""
    offsets = pa.py_buffer(np.array([0, len(block)], dtype=np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(block)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _lenient(line: bytes, found: list[str]) -> _Row | None:
    """Decode a line that the fast way refused; `None` for a blank one; `found` receives the repairs."""
    if not line.strip():
        return None
    fields = row_fields(line, found)
    return _Row(**fields | {name: msgspec.Raw(fields[name]) for name in PAYLOADS})


def _table(rows: list[_Row], numbers: list[int], repairs: list[Repair]) -> pa.Table:
    """Turn rows into columns; the payloads that hold what JSON readers choke on are rewritten."""
    scores = [row.scores for row in rows]
    offsets = pa.array(accumulate(map(len, scores), initial=0), pa.int64())
    columns = {
        c.SOURCE_LINE: numbers,
        c.TURN: [row.turn for row in rows],
        c.MODEL: [row.model_name for row in rows],
        c.LATENCY_MS: [row.latency_ms for row in rows],
        c.TTFB_MS: [row.ttfb_ms for row in rows],
        c.USER_TEXT: [row.user_text or "" for row in rows],
        c.ASSISTANT_TEXT: [row.assistant_text or "" for row in rows],
        c.JUDGE_REASONING: [
            row.judge_reasoning or row.claude_reasoning or row.openai_reasoning or row.reasoning or "" for row in rows
        ],
        c.TOOL_CALLS: _payloads([bytes(row.tool_calls) for row in rows], numbers, c.TOOL_CALLS, repairs),
        c.TOOL_RESULTS: _payloads([bytes(row.tool_results) for row in rows], numbers, c.TOOL_RESULTS, repairs),
        c.DIMENSIONS: pa.LargeListArray.from_arrays(
            offsets, pa.array([name for row in scores for name in row], pa.string())
        ),
        c.PASSES: pa.LargeListArray.from_arrays(
            offsets, pa.array([score for row in scores for score in row.values()], pa.bool_())
        ),
    }
    return pa.table(columns, schema=TABLE)


def _payloads(texts: list[bytes], numbers: list[int], name: str, repairs: list[Repair]) -> pa.Array:
    array = pa.array(texts, pa.large_string())
    suspects = pc.indices_nonzero(pc.match_substring_regex(array, _SUSPECT_PAYLOAD)).to_pylist()
    if not suspects:
        return array
    for index in suspects:
        texts[index] = texts[index].replace(b"\r", b" ")  # inside a string it would be written \\r
        found: list[str] = []
        try:
            value = clean(json.loads(texts[index], parse_int=integer), name, found)
        except RecursionError:
            continue
        if found:
            texts[index] = to_json(value)
            repairs.extend(Repair(numbers[index], what) for what in found)
    return pa.array(texts, pa.large_string())
