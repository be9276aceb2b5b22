"""Read an analysis folder back: its facts, the failed rows of its packet, and the run of one row as it was labelled.

`folder_rows` reads rows of any kind from the folder's tables. Neither imports pandas, and neither makes Arrow arrays
from Python values, since Arrow imports pandas for that (`pa.array`, `pa.scalar`, filters by value or mask).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema as c
from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.records import Note, RunInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row = dict[str, Any]
"""A row by column names; `tool_calls`, `tool_results` and `scores` are JSON text."""
_UNDONE = (OSError, pa.ArrowException, ValueError, LookupError, TypeError, AttributeError)
"""What reading a file that is gone, damaged or of another version raises."""


def not_read_back(path: Path, error: Exception) -> InputError:
    """Return the error for a file of the folder that cannot be read back."""
    return InputError(Problem(str(path), f"cannot be read back: {error}", "analyse again: error-analysis analyze"))


# --- Facts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What `analysis.json` holds beside the counts."""

    status: str
    options: Mapping[str, Any]
    included_dimensions: tuple[str, ...]
    rules_sha256: str
    inputs: tuple[RunInput, ...]
    notes: tuple[Note, ...]

    @property
    def compare_by(self) -> c.CompareBy:
        """What is compared: models, or runs."""
        return "run" if self.options.get("compare_by") == "run" else "model"


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What `local.json` holds: where things are on this machine."""

    comparison_dir: Path | None
    run_dirs: Mapping[str, Path]
    """The folders of the runs, by run id."""
    runs_root: Path | None
    rules: Path | None
    """The rules file; `None` for the rules of the package."""
    outputs: tuple[str, ...]
    """The files that the analysis wrote, relative to the folder."""


def read_facts(folder: Path) -> Facts:
    """Read `analysis.json`. Raises `UsageError` for a folder without one, `InputError` if it cannot be read."""
    values = _read_object(folder, c.ANALYSIS_JSON, "not an analysis folder")
    try:
        return Facts(
            status=values["status"],
            options=dict(values["options"]),
            included_dimensions=tuple(values["included_dimensions"]),
            rules_sha256=values["rules_sha256"],
            inputs=tuple(RunInput(**run) for run in values["inputs"]),
            notes=tuple(Note(**note) for note in values["notes"]),
        )
    except _UNDONE as error:
        raise not_read_back(folder / c.ANALYSIS_JSON, error) from None


def read_local(folder: Path) -> LocalFacts:
    """Read `local.json`. Raises `UsageError` for a folder without one, `InputError` if it cannot be read."""
    values = _read_object(folder, c.LOCAL_JSON, f"not an analysis folder: no {c.LOCAL_JSON}")
    try:
        comparison_dir, runs_root, rules = (values.get(name) for name in ("comparison_dir", "runs_root", "rules"))
        return LocalFacts(
            comparison_dir=None if comparison_dir is None else Path(comparison_dir),
            run_dirs={run_id: Path(path) for run_id, path in values["run_dirs"].items()},
            runs_root=None if runs_root is None else Path(runs_root),
            rules=None if rules is None else Path(rules),
            outputs=tuple(str(name) for name in values.get("outputs", ())),
        )
    except _UNDONE as error:
        raise not_read_back(folder / c.LOCAL_JSON, error) from None


def _read_object(folder: Path, name: str, missing: str) -> dict[str, Any]:
    try:
        values = msgspec.json.decode((folder / name).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        fix = "name the folder that `error-analysis analyze` wrote"
        raise UsageError(Problem(str(folder), missing, fix)) from None
    except _UNDONE as error:
        raise not_read_back(folder / name, error) from None
    if not isinstance(values, dict):
        raise not_read_back(folder / name, TypeError("not a JSON object"))
    return values


# --- The packet ------------------------------------------------------------------------------------------------


class PacketRow(msgspec.Struct):
    """What the review commands ask of every failed row."""

    row_id: str
    run_id: str
    benchmark_name: str
    model_name: str
    turn: int
    failed_dimensions: tuple[str, ...]
    error_mode_candidate: str
    response_kind: str

    @property
    def early(self) -> bool:
        """Whether the row was filled in after the session had ended."""
        return self.response_kind == c.ENDED_EARLY


class _Payloads(msgspec.Struct):
    scores: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_results: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Packet:
    """The failed rows of an analysis, in the packet's order, and where in the file each one is."""

    path: Path
    rows: list[PacketRow]
    by_id: dict[str, PacketRow]
    places: dict[str, tuple[int, int]]
    """By row id: where its line begins in the file, and its length, in bytes."""

    def evidence(self, row_id: str) -> Row:
        """Read one failed row whole."""
        (row,) = self.evidence_of([row_id])
        return row

    def evidence_of(self, row_ids: Iterable[str]) -> Iterator[Row]:
        """Read failed rows whole, in the order given."""
        try:
            with self.path.open("rb") as packet:
                for row_id in row_ids:
                    place, size = self.places[row_id]
                    yield _evidence(os.pread(packet.fileno(), size, place))
        except (OSError, msgspec.DecodeError) as error:
            raise not_read_back(self.path, error) from None


def read_packet(folder: Path) -> Packet:
    """Index the packet. Raises `InputError` if it cannot be read."""
    path = folder / c.PACKET_JSONL
    rows = []
    places = {}
    place = 0
    decode = msgspec.json.Decoder(PacketRow).decode
    try:
        with path.open("rb") as lines:
            for line in lines:
                row = decode(line)
                rows.append(row)
                places[row.row_id] = place, len(line)
                place += len(line)
    except (OSError, msgspec.DecodeError) as error:
        raise not_read_back(path, error) from None
    return Packet(path, rows, {row.row_id: row for row in rows}, places)


def _evidence(line: bytes) -> Row:
    values: Row = msgspec.json.decode(line)
    raw = msgspec.json.decode(line, type=_Payloads)
    payloads = {"scores": raw.scores, "tool_calls": raw.tool_calls, "tool_results": raw.tool_results}
    return values | {name: bytes(text).decode() for name, text in payloads.items()}


# --- One run ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelledRun:
    """The run of one row, whole."""

    turns: pa.Table
    """Its turns with texts, and `scores` (JSON text)."""
    rules_sha256: str
    rules_file: str | None
    """Where the rules file was; `None` for the rules of the package."""


def read_run_of(folder: Path, row_id: str) -> LabelledRun:
    """Read the run that a failed row belongs to.

    Raises `UsageError` if `folder` is not an analysis folder or has no such failed row, `InputError` if its files
    cannot be read.
    """
    facts, rules = read_facts(folder), read_local(folder).rules
    try:
        rows = parquet.read_table(folder / c.TURNS_PARQUET, columns=["run_id", "row_id", "failed"])
        row = rows.filter(pc.equal(rows["row_id"], row_id)).to_pylist()
        if not row or not row[0]["failed"]:
            what = "did not fail, so no rule was applied to it" if row else "no such row"
            raise UsageError(Problem(row_id, what, f"row ids are in {folder / c.PACKET_JSONL}"))
        of_run = [("run_id", "=", row[0]["run_id"])]
        turns = parquet.read_table(folder / c.TURNS_PARQUET, filters=of_run)
        scores = parquet.read_table(folder / c.SCORES_PARQUET, filters=of_run)
    except _UNDONE as error:
        raise not_read_back(folder, error) from None
    return LabelledRun(_with_scores(turns, scores), facts.rules_sha256, rules and str(rules))


def _with_scores(turns: pa.Table, scores: pa.Table) -> pa.Table:
    of_row: dict[str, dict[str, bool | None]] = {row_id: {} for row_id in turns["row_id"].to_pylist()}
    for row in scores.select(["row_id", "dimension", "passed"]).to_pylist():
        of_row[row["row_id"]][row["dimension"]] = row["passed"]
    texts = [msgspec.json.encode(passed).decode() for passed in of_row.values()]
    turns = turns.append_column("scores", pa.array(texts, pa.large_string()))
    run_ids = turns["run_id"].combine_chunks().dictionary_encode()
    return turns.set_column(turns.column_names.index("run_id"), "run_id", run_ids)
