"""Read one line of JSON that the typed decoder refused: what is wrong with it, or what had to be replaced."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pipeline.ledger.lines import BOM, too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable

PAYLOADS: Final = ("tool_calls", "tool_results", "turn_taking_issues", "oracle_continuation")
MAX_TURN: Final = 2**63 - 1
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
MAX_DEPTH: Final = 200
"""How deep JSON may be nested: far below what Python can read, which differs by version and by the command."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class LineError(ValueError):
    """A line is no judged row; `faults` are pairs of what is wrong and the nearest fix."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        self.faults = faults


def json_value(line: bytes, noun: str, found: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Decode a line that should hold `noun`; `found` receives the repairs. Raises `LineError` if it is not JSON."""
    if too_deep(line, MAX_DEPTH):
        raise LineError((f"nested more than {MAX_DEPTH} levels deep", "flatten the row's payloads"))
    if line.startswith(BOM):
        raise LineError(("begins with a byte-order mark, which only line 1 may", "remove U+FEFF"))
    if not line.strip():
        raise LineError((f"white space where {noun} should be", "remove the line, or leave it empty"))
    try:
        return clean(json.loads(line.decode(), parse_int=integer), "", found)
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}"
        raise LineError((what, "save the file as UTF-8")) from None
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at column {error.colno}"
        raise LineError((what, "write one JSON object per line")) from None


def row_fields(line: bytes, found: list[str]) -> dict[str, Any]:
    """Decode one judged row and check it: its fields, tool payloads as JSON bytes; `found` receives the repairs.

    Raises `LineError` with everything that is wrong with the line.
    """
    value = json_value(line, "a judged row", found)
    if not isinstance(value, dict):
        raise LineError((f"{_kind(value)} where a judged row should be", "write one JSON object per line"))
    if faults := [*_turn_faults(value), *_score_faults(value)]:
        raise LineError(*faults)
    fields: dict[str, Any] = {"turn": int(value["turn"]), "scores": value["scores"]}
    fields |= {name: _text(value.get(name), name, found) for name in _STRINGS}
    fields |= {name: _number(value.get(name), name, found) for name in _NUMBERS}
    return fields | {name: to_json(value.get(name)) for name in PAYLOADS}


def _turn_faults(row: dict[str, Any]) -> list[tuple[str, str]]:
    if "turn" not in row:
        return [("no turn", 'add "turn": the number of the exchange, from 0')]
    turn = row["turn"]
    whole = isinstance(turn, int | float) and not isinstance(turn, bool) and turn == int(turn)
    if whole and 0 <= turn <= MAX_TURN:
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
    return to_json(value).decode()


def _number(value: object, name: str, found: list[str]) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            value = "a number beyond the range of a float"
    if value is not None:
        found.append(f"{name} is {_show(value)}; read as not measured")
    return None


def integer(digits: str) -> int | float:
    """Read an integer as long as Python reads any; a longer one counts as beyond all numbers."""
    # int() refuses more than 4300 digits: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
    return int(digits) if len(digits) <= 4300 else math.inf  # noqa: PLR2004 - the limit just named


def clean(value: Any, path: str, found: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Replace non-finite numbers by null and lone surrogates by U+FFFD, noting each."""
    match value:
        case float() if not math.isfinite(value):
            found.append(f"{path or 'the row'} holds {value}; read as null")
            return None
        case str() if _SURROGATE.search(value):
            found.append(f"{path or 'the row'} holds a lone surrogate; read as U+FFFD")
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [clean(item, path, found) for item in value]
        case dict():
            keys = _clean_keys(value, path or "a key", found)
            return {keys[key]: clean(item, path or keys[key], found) for key, item in value.items()}
        case _:
            return value


def _clean_keys(names: Iterable[str], path: str, found: list[str]) -> dict[str, str]:
    """Return the cleaned form of each key; of keys that would become one, each has its surrogates written out."""
    cleaned = {name: clean(name, path, found) for name in names}
    often = Counter(cleaned.values())
    taken = {name for name in cleaned.values() if often[name] == 1} | cleaned.keys()
    for name, repaired in cleaned.items():
        if often[repaired] > 1 and name != repaired:
            written = name.encode(errors="backslashreplace").decode()
            while written in taken:
                written += "'"
            taken.add(written)
            cleaned[name] = written
    return cleaned


def to_json(value: object) -> bytes:
    """Write a cleaned value as compact JSON."""
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
