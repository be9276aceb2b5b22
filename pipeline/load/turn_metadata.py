"""Read `--turn-metadata`: further columns by turn, from CSV or JSONL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError, Problem
from pipeline.ledger.lines import lines_of
from pipeline.load.csv_rows import csv_rows
from pipeline.load.files import read_bytes, relative, shown
from pipeline.load.repair import MAX_TURN, LineError, json_value, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KEYS: Final = ("turn", "benchmark_name")


@dataclass(frozen=True, slots=True)
class TurnMetadata:
    """Further columns by turn: each value is a list of texts, because a turn may have several categories."""

    path: Path
    source: str
    """The file as outputs name it."""
    sha256: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, int, Mapping[str, tuple[str, ...]]], ...]
    """Benchmark (`None`: every one), turn, and the values of the columns that have any."""


def read_turn_metadata(path: Path, base: Path) -> TurnMetadata:
    """Read a CSV or JSONL file with `turn`, perhaps `benchmark_name`, and further columns.

    Raises `InputError` with every problem.
    """
    data = read_bytes(path)
    problems: list[Problem] = []
    is_json = path.suffix.lower() in {".jsonl", ".ndjson", ".json"}
    read = _jsonl(data, path, problems) if is_json else csv_rows(data, shown(path), "turn")
    rows: list[tuple[str | None, int, Mapping[str, tuple[str, ...]]]] = []
    seen: set[tuple[str | None, int]] = set()
    for line, value in read:
        where = f"{shown(path)}:{line}"
        turn = _turn(value.get("turn"))
        benchmark = str(value["benchmark_name"]) if value.get("benchmark_name") else None
        if turn is None:
            problems.append(Problem(where, f"turn is {value.get('turn')!r}", "write an integer, 0 or more"))
        elif (benchmark, turn) in seen:
            problems.append(Problem(where, f"turn {turn} stands here a second time", "keep one line per turn"))
        else:
            seen.add((benchmark, turn))
            rows.append((benchmark, turn, {name: texts for name, texts in _values(value) if texts}))
    columns = tuple(dict.fromkeys(name for *_, values in rows for name in values))
    if not problems and not columns:
        problems.append(Problem(shown(path), "no column beside turn", "add a column, such as category"))
    if problems:
        raise InputError(*problems)
    return TurnMetadata(path, relative(path, base), hashlib.sha256(data).hexdigest(), columns, tuple(rows))


def _jsonl(data: bytes, path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines_of(data):
        where = f"{shown(path)}:{number}"
        try:
            value = json_value(line, "a turn", [])
        except LineError as error:
            problems += [Problem(where, *fault) for fault in error.faults]
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            problems.append(Problem(where, "no JSON object", "write one object per line"))


def _turn(value: Any) -> int | None:  # noqa: ANN401 - a cell or a JSON value
    """Return a turn number; spreadsheets write 1 as 1.0."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if not isinstance(value, bool) and number.is_integer() and 0 <= number <= MAX_TURN else None


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in row.items():
        if name and name not in _KEYS:
            listed = value if isinstance(value, list) else [value]
            texts = (_text(each) for each in listed if each is not None)
            yield name, tuple(dict.fromkeys(text for text in texts if text))


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value.strip() if isinstance(value, str) else to_json(value).decode()
