"""Read `--turn-metadata`: further columns by turn, from CSV or JSONL."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError, Problem
from pipeline.load.files import read_bytes, relative, shown
from pipeline.load.repair import MAX_TURN, clean, integer, to_json

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
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(shown(path), f"not UTF-8 at byte {error.start + 1}", "save as UTF-8")) from None
    problems: list[Problem] = []
    read = _jsonl if path.suffix.lower() in {".jsonl", ".ndjson", ".json"} else _csv
    rows: list[tuple[str | None, int, Mapping[str, tuple[str, ...]]]] = []
    seen: set[tuple[str | None, int]] = set()
    for line, value in read(text, path, problems):
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


def _csv(text: str, path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        if "turn" not in reader.fieldnames:
            found = ", ".join(reader.fieldnames) or "none"
            problems.append(Problem(f"{shown(path)}:1", f"no column turn (columns: {found})", "add a column turn"))
            return
        for row in reader:
            yield reader.line_num, {name: cell for name, cell in row.items() if name and isinstance(cell, str)}
    except csv.Error as error:
        problems.append(Problem(f"{shown(path)}:{reader.line_num}", f"not CSV: {error}", "quote the cell"))


def _jsonl(text: str, path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = clean(json.loads(line, parse_int=integer), "", [])
        except (ValueError, RecursionError) as error:
            problems.append(Problem(f"{shown(path)}:{number}", f"not JSON: {error}", "write one object per line"))
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            problems.append(Problem(f"{shown(path)}:{number}", "no JSON object", "write one object per line"))


def _turn(value: Any) -> int | None:  # noqa: ANN401 - a cell or a JSON value
    """Return a turn number; spreadsheets write 1 as 1.0."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if not isinstance(value, bool) and number.is_integer() and 0 <= number <= MAX_TURN else None


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in row.items():
        if name not in _KEYS:
            listed = value if isinstance(value, list) else [value]
            texts = (_text(each) for each in listed if each is not None)
            yield name, tuple(dict.fromkeys(text for text in texts if text))


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value.strip() if isinstance(value, str) else to_json(value).decode()
