"""Read any rows of an analysis folder by their ids, passed ones too, from its tables; or a whole run.

But for `read_run_of` nothing here makes Arrow arrays or scalars from Python values or filters by them: for that Arrow
imports pandas (`pa.array`, `pa.scalar`, `filter`), and a review command would take twice as long.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from pyarrow import parquet

from pipeline import schema as c
from pipeline.errors import InputError, Problem, UsageError
from pipeline.ledger.lines import BOM
from pipeline.load.files import opened
from pipeline.load.folder import Row, not_read_back, read_facts, read_local
from pipeline.load.repair import LineError, row_fields
from pipeline.load.whole import make_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

COLUMNS = (
    "row_id",
    "benchmark_name",
    "model_name",
    "run_id",
    "turn",
    "judged",
    "failed",
    "response_kind",
    "failed_dimensions",
    "error_mode",
    "source_file",
    "source_line",
    *c.TEXTS,
    *c.OF_REFERENCE,
)
"""The columns of a row that is read by its id."""


@dataclass(frozen=True, slots=True)
class AllRows:
    """Every row of an analysis: what is asked of all of them as lists, in the order of the table; others by id."""

    row_ids: list[str]
    benchmarks: list[str]
    run_ids: list[str]
    turns: list[int]
    judged: list[bool]
    failed: list[bool]
    positions: Mapping[str, int]
    """By row id: its position in the lists."""
    read: Callable[[Sequence[int]], list[Row]]
    """Reads rows by their positions, which are sorted: the columns `COLUMNS`."""
    folder: Path

    def fetch(self, row_ids: Collection[str]) -> dict[str, Row]:
        """Return those of the rows that are there, by row id: the columns `COLUMNS`."""
        found = sorted(self.positions[row_id] for row_id in row_ids if row_id in self.positions)
        return {row["row_id"]: row for row in self.read(found)}

    def scores(self, rows: Mapping[str, Row], *, left_out: bool) -> dict[str, str]:
        """Return the scores of rows as JSON text, by row id; with `left_out` of left-out dimensions too.

        Those are read from the judged files. Raises `InputError` where a file is not where it was, or has changed.
        """
        counted = _counted_scores(self.folder, rows.keys())
        return _with_left_out(_judged_scores(self.folder, rows.values()), counted) if left_out else counted


def open_rows(folder: Path) -> AllRows:
    """Read the rows from the table each time: for a command, which reads few rows once."""
    return _all_rows(folder, in_memory=False)


def map_rows(folder: Path) -> AllRows:
    """Read the rows from memory: for the page, which reads rows again and again.

    The texts are in a temporary file without a name that is mapped into memory.
    """
    return _all_rows(folder, in_memory=True)


def _all_rows(folder: Path, *, in_memory: bool) -> AllRows:
    path = folder / c.TURNS_PARQUET
    try:
        file = parquet.ParquetFile(path)
        light = file.read(columns=["row_id", "benchmark_name", "run_id", "turn", "judged", "failed"])
        columns: dict[str, list[Any]] = {name: light[name].to_pylist() for name in light.column_names}
        positions = {row_id: position for position, row_id in enumerate(columns["row_id"])}
        read = _in_memory(_mapped(file)) if in_memory else _in_file(file, path)
        return AllRows(
            row_ids=columns["row_id"],
            benchmarks=columns["benchmark_name"],
            run_ids=columns["run_id"],
            turns=columns["turn"],
            judged=columns["judged"],
            failed=columns["failed"],
            positions=positions,
            read=read,
            folder=folder,
        )
    except (OSError, pa.ArrowException, KeyError) as error:
        raise not_read_back(path, error) from None


def _in_file(file: parquet.ParquetFile, path: Path) -> Callable[[Sequence[int]], list[Row]]:
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    starts = list(accumulate(sizes, initial=0))

    def read(positions: Sequence[int]) -> list[Row]:
        rows: list[Row] = []
        try:
            for group, (start, size) in enumerate(zip(starts, sizes, strict=False)):
                inside = [position - start for position in positions if start <= position < start + size]
                if inside:
                    rows += _rows_at(file.read_row_group(group, columns=list(COLUMNS)), inside)
        except (OSError, pa.ArrowException) as error:
            raise not_read_back(path, error) from None
        return rows

    return read


def _in_memory(table: pa.Table) -> Callable[[Sequence[int]], list[Row]]:
    return lambda positions: _rows_at(table, positions)


def _rows_at(table: pa.Table, positions: Sequence[int]) -> list[Row]:
    return [row for position in positions for row in table.slice(position, 1).to_pylist()]


def _mapped(file: parquet.ParquetFile) -> pa.Table:
    """Write the columns as they are in memory into a temporary file, and map it."""
    schema = pa.schema([file.schema_arrow.field(name) for name in COLUMNS])
    with TemporaryFile() as stream:  # the mapping outlives the handle
        with pa.ipc.new_stream(pa.PythonFile(stream, mode="w"), schema) as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group, columns=list(COLUMNS)).select(COLUMNS))
        stream.flush()
        return pa.ipc.open_stream(pa.memory_map(f"/dev/fd/{stream.fileno()}")).read_all()


def _counted_scores(folder: Path, row_ids: Collection[str]) -> dict[str, str]:
    """Read the scores of rows from the table, without left-out dimensions, as JSON text by row id."""
    path = folder / c.SCORES_PARQUET
    found: dict[str, dict[str, bool | None]] = {row_id: {} for row_id in row_ids}
    try:
        file = parquet.ParquetFile(path)
        for group in range(file.num_row_groups if found else 0):
            table = file.read_row_group(group, columns=["row_id", "dimension", "passed"])
            for position, row_id in enumerate(table["row_id"].to_pylist()):
                if row_id in found:
                    (row,) = table.slice(position, 1).to_pylist()
                    found[row_id][row["dimension"]] = row["passed"]
    except (OSError, pa.ArrowException) as error:
        raise not_read_back(path, error) from None
    return {row_id: msgspec.json.encode(scores).decode() for row_id, scores in found.items()}


def _with_left_out(judged: dict[str, str], counted: dict[str, str]) -> dict[str, str]:
    """Return the scores of the judged file, those that count as they are counted: null where nothing was measured."""
    decode = msgspec.json.decode
    return {
        row_id: msgspec.json.encode(decode(scores) | decode(counted[row_id])).decode()
        for row_id, scores in judged.items()
    }


def _judged_scores(folder: Path, rows: Iterable[Row]) -> dict[str, str]:
    """Read the scores of rows from their judged files, left-out dimensions too, as JSON text by row id.

    Each row gives `row_id`, `run_id`, `source_file` and `source_line`. Raises `InputError` where a file is not where
    it was, or has no such row any more.
    """
    run_dirs = read_local(folder).run_dirs
    by_file: dict[Path, dict[int, str]] = defaultdict(dict)
    for row in rows:
        try:
            file = run_dirs[row["run_id"]] / row["source_file"].rpartition("/")[2]
        except KeyError as error:
            raise not_read_back(folder / c.LOCAL_JSON, error) from None
        by_file[file][row["source_line"]] = row["row_id"]
    found = {}
    for file, row_of_line in by_file.items():
        lines = _lines(file, row_of_line.keys())
        for number, row_id in row_of_line.items():
            try:
                scores = row_fields(lines[number].removeprefix(BOM if number == 1 else b""), [])["scores"]
            except (KeyError, LineError):
                fix = "analyse again: error-analysis analyze"
                raise InputError(Problem(f"{file}:{number}", "the row is gone", fix)) from None
            found[row_id] = msgspec.json.encode(scores).decode()
    return found


def _lines(file: Path, numbers: Collection[int]) -> dict[int, bytes]:
    with opened(file) as stream:
        return {number: line for number, line in enumerate(stream, 1) if number in numbers}


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A failed row, and the rules that gave it its error mode."""

    row: pa.Table
    """The row of the turns table with its texts, and `scores` (JSON text)."""
    rules_sha256: str
    rules_file: str | None
    """Where the rules file was; `None` for the rules of the package."""


def read_labelled(folder: Path, row_id: str) -> LabelledRow:
    """Read a failed row as the rules read it.

    Raises `UsageError` if `folder` is not an analysis folder or has no such failed row, `InputError` if its files
    cannot be read.
    """
    make_whole(folder)
    facts, rules_file = read_facts(folder), read_local(folder).rules
    try:
        row = parquet.read_table(folder / c.TURNS_PARQUET, filters=[("row_id", "=", row_id)])
        if not len(row) or not row["failed"][0].as_py():
            what = "did not fail, so no rule was applied to it" if len(row) else "no such row"
            raise UsageError(Problem(row_id, what, f"row ids are in {folder / c.PACKET_JSONL}"))
        scores = parquet.read_table(folder / c.SCORES_PARQUET, filters=[("row_id", "=", row_id)])
    except (OSError, pa.ArrowException, KeyError) as error:
        raise not_read_back(folder, error) from None
    of_row = {score["dimension"]: score["passed"] for score in scores.select(["dimension", "passed"]).to_pylist()}
    row = row.append_column("scores", pa.array([msgspec.json.encode(of_row).decode()], pa.large_string()))
    # Only a blank text that was stored is an empty response, and only then does this rule decide.
    stored = row["response_kind"][0].as_py() != c.NO_TEXT or row["error_mode_rule"][0].as_py() == c.NO_TEXT_RULE
    row = row.append_column("text_stored", pa.array([stored]))
    return LabelledRow(row, facts.rules_sha256, None if rules_file is None else str(rules_file))
