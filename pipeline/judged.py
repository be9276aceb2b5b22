"""The judged-JSONL format: a block of bytes -> one Arrow table of rows, its bad lines and its repairs."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Callable

DIMENSIONS: Final = "dimensions"
"""Per row, the judge's dimensions in data order (a list column, parallel to `PASSES`)."""
PASSES: Final = "passes"
"""Per row, true, false or null for each of `DIMENSIONS`."""

TABLE: Final = pa.schema(
    {
        c.SOURCE_LINE: pa.int64(),
        c.TURN: pa.int64(),
        c.MODEL: pa.large_string(),
        c.LATENCY_MS: pa.float64(),
        c.TTFB_MS: pa.float64(),
        **dict.fromkeys(c.TEXTS, pa.large_string()),
        DIMENSIONS: pa.large_list(pa.string()),
        PASSES: pa.large_list(pa.bool_()),
    }
)
"""One row per judged row. Texts are never null; `tool_calls` and `tool_results` are JSON text."""


NO_PAYLOAD: Final = r'^\s*(?:null|false|\[\s*\]|\{\s*\}|"\s*")?\s*$'
"""Tool calls or results that say that there were none (an RE2 expression over their JSON text)."""


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


_STRINGS: Final = (
    "user_text",
    "assistant_text",
    "judge_reasoning",
    "claude_reasoning",
    "openai_reasoning",
    "reasoning",
    "model_name",
)
_NUMBERS: Final = ("latency_ms", "ttfb_ms")
_PAYLOADS: Final = ("tool_calls", "tool_results")
_decode: Final[Callable[[bytes], _Row]] = msgspec.json.Decoder(_Row).decode
_BOM: Final = b"\xef\xbb\xbf"
_MAX_TURN: Final = 2**63 - 1
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# What msgspec lets through in a raw payload and our outputs must not hold: numbers that may lie beyond a
# float's range, and a bare carriage return between tokens, which some readers take for a line's end.
_SUSPECT_PAYLOAD: Final = r"[eE]\+?[0-9]{2}|[0-9]{200}|\r"


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
    """The rows of one block, its bad lines (a line may have several problems) and its repairs."""

    table: pa.Table
    bad: list[BadLine]
    repairs: list[Repair]


class _LineError(ValueError):
    def __init__(self, *faults: tuple[str, str]) -> None:
        self.faults = faults


def decode(block: bytes, first_line: int = 1) -> Decoded:
    r"""Decode a block of whole lines, the first of which has the number `first_line`.

    Each line is strict UTF-8, then decoded typed and fast; a line that this refuses goes through the
    standard library once more, which accepts what other writers emit (NaN, lone surrogates, loose types).
    Blank lines are passed over. Lines end at `\n` alone, so U+2028 inside a string is text.
    """
    rows: list[_Row] = []
    numbers: list[int] = []
    bad: list[BadLine] = []
    repairs: list[Repair] = []
    for number, line in enumerate(block.split(b"\n"), first_line):
        found: list[str] = []
        try:
            row = _row(line, found)
        except _LineError as error:
            bad.extend(BadLine(number, what, fix, line) for what, fix in error.faults)
            continue
        if row is not None:
            rows.append(row)
            numbers.append(number)
            repairs.extend(Repair(number, what) for what in found)
    return Decoded(_table(rows, numbers, repairs), bad, repairs)


class _Said(msgspec.Struct, gc=False):
    turn: int
    user_text: str | None = None
    assistant_text: str | None = None


_decode_said: Final = msgspec.json.Decoder(_Said).decode


def decode_said(line: bytes) -> tuple[int, str, str] | None:
    """Decode one line of a transcript: turn, user text, assistant text; `None` for one that cannot be read."""
    try:
        said = _decode_said(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = _clean(json.loads(line.removeprefix(_BOM)), "", [])
            said = msgspec.convert({key: value[key] for key in value.keys() & set(_Said.__struct_fields__)}, _Said)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
    return said.turn, said.user_text or "", said.assistant_text or ""


def _row(line: bytes, found: list[str]) -> _Row | None:
    """Decode one line, the fast way if it can be; `None` for a blank one; `found` receives the repairs."""
    try:
        if not line.isascii():
            line.decode()  # msgspec looks at the strings that it keeps, not at those that it passes over
        row = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line = line.removeprefix(_BOM)
        return _lenient(line, found) if line.strip() else None
    return row if 0 <= row.turn <= _MAX_TURN else _lenient(line, found)


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
        DIMENSIONS: pa.LargeListArray.from_arrays(
            offsets, pa.array([name for row in scores for name in row], pa.string())
        ),
        PASSES: pa.LargeListArray.from_arrays(
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
            value = _clean(json.loads(texts[index], parse_int=_integer), name, found)
        except RecursionError:
            continue
        if found:
            texts[index] = _json(value)
            repairs.extend(Repair(numbers[index], what) for what in found)
    return pa.array(texts, pa.large_string())


# --- The lenient path: one line at a time, for what the typed decoder refuses -----------------------------


def _lenient(line: bytes, found: list[str]) -> _Row:
    """Decode one line with the standard library and check it by hand; `found` receives the repairs."""
    try:
        value = _clean(json.loads(line.decode(), parse_int=_integer), "", found)
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}"
        raise _LineError((what, "save the file as UTF-8")) from None
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at column {error.colno}"
        raise _LineError((what, "write one JSON object per line")) from None
    except RecursionError:
        raise _LineError(("nested too deeply to be read", "flatten the row's payloads")) from None
    if not isinstance(value, dict):
        raise _LineError((f"{_kind(value)} where a judged row should be", "write one JSON object per line"))
    if faults := [*_turn_faults(value), *_score_faults(value)]:
        raise _LineError(*faults)
    fields: dict[str, Any] = {"turn": int(value["turn"]), "scores": value["scores"]}
    fields |= {name: _text(value.get(name), name, found) for name in _STRINGS}
    fields |= {name: _number(value.get(name), name, found) for name in _NUMBERS}
    fields |= {name: msgspec.Raw(_json(value.get(name))) for name in _PAYLOADS}
    return _Row(**fields)


def _turn_faults(row: dict[str, Any]) -> list[tuple[str, str]]:
    if "turn" not in row:
        return [("no turn", 'add "turn": the number of the exchange, from 0')]
    turn = row["turn"]
    whole = isinstance(turn, int | float) and not isinstance(turn, bool) and turn == int(turn)
    if whole and 0 <= turn <= _MAX_TURN:
        return []
    return [(f"turn is {_show(turn)}", "write an integer, 0 or more")]


def _score_faults(row: dict[str, Any]) -> list[tuple[str, str]]:
    if "scores" not in row:
        return [("no scores", 'add "scores": an object of true, false or null by dimension')]
    scores = row["scores"]
    if not isinstance(scores, dict):
        return [(f"scores is {_show(scores)}", "write an object of true, false or null by dimension")]
    return [
        (f"score {_show(name)} is {_show(score)}", f"write {_nearest_score(score)}")
        for name, score in scores.items()
        if score is not None and not isinstance(score, bool)
    ]


def _nearest_score(score: object) -> str:
    match score:
        case 1 | "true" | "True" | "pass" | "passed" | "yes" | "1":
            return "true"
        case 0 | "false" | "False" | "fail" | "failed" | "no" | "0":
            return "false"
        case "" | "null" | "None" | "n/a" | "N/A" | "na":
            return "null"
        case _:
            return "true, false or null"


def _text(value: object, name: str, found: list[str]) -> str | None:
    if value is None or isinstance(value, str):
        return value
    found.append(f"{name} is {_kind(value)}; kept as JSON text")
    return _json(value).decode()


def _number(value: object, name: str, found: list[str]) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            value = "a number beyond the range of a float"
    if value is not None:
        found.append(f"{name} is {_show(value)}; read as not measured")
    return None


def _integer(digits: str) -> int | float:
    # int() refuses more than 4300 digits: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
    return int(digits) if len(digits) <= 4300 else math.inf  # noqa: PLR2004


def _clean(value: Any, path: str, found: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Replace non-finite numbers by null and lone surrogates by U+FFFD, noting each."""
    match value:
        case float() if not math.isfinite(value):
            found.append(f"{path or 'the row'} holds {value}; read as null")
            return None
        case str() if _SURROGATE.search(value):
            found.append(f"{path or 'the row'} holds a lone surrogate; read as U+FFFD")
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [_clean(item, path, found) for item in value]
        case dict():
            return {
                _clean(key, path or "a key", found): _clean(item, path or key, found) for key, item in value.items()
            }
        case _:
            return value


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 - what fits on a terminal line
