"""Read an analysis folder back: its facts, and the failed rows of its packet; `folder_rows` reads its tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import schema as c
from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.files import refuse_nul
from pipeline.load.records import GivenFile, Note, RunInput
from pipeline.load.whole import refuse_irregular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row = dict[str, Any]
"""A row by column names; `tool_calls`, `tool_results` and `scores` are JSON text."""
_UNDONE = (OSError, ValueError, LookupError, TypeError, AttributeError)
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
    given: tuple[GivenFile, ...]

    @property
    def compare_by(self) -> c.CompareBy:
        """What is compared: models, or runs."""
        return "run" if self.options.get("compare_by") == "run" else "model"


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What `local.json` holds: where things are on this machine."""

    comparison_dirs: tuple[Path, ...]
    run_dirs: Mapping[str, Path]
    """The folders of the runs, by run id."""
    runs_root: Path | None
    rules: Path | None
    """The rules file; `None` for the rules of the package."""
    references: tuple[str, ...]
    """The references that an option named, as `BENCHMARK=PATH`."""
    turn_metadata: Path | None
    outputs: tuple[str, ...]
    """The files that the analysis wrote, relative to the folder."""


def read_facts(folder: Path) -> Facts:
    """Read `analysis.json`. Raises `UsageError` for a folder without one, `InputError` if it cannot be read."""
    values = _read_object(folder, c.ANALYSIS_JSON, f"not an analysis folder: no {c.ANALYSIS_JSON}")
    try:
        return Facts(
            status=values["status"],
            options=dict(values["options"]),
            included_dimensions=tuple(values["included_dimensions"]),
            rules_sha256=values["rules_sha256"],
            inputs=tuple(RunInput(**run) for run in values["inputs"]),
            notes=tuple(Note(**note) for note in values["notes"]),
            given=_given(values),
        )
    except _UNDONE as error:
        raise not_read_back(folder / c.ANALYSIS_JSON, error) from None


def refuse_unjudged(facts: Facts, folder: Path) -> None:
    """Refuse an analysis of transcripts alone. Raises `UsageError`."""
    if facts.status == "not_judged":
        raise UsageError(
            Problem(str(folder), "nothing was judged", "judge the runs, then analyse without --transcripts")
        )


def _given(values: Mapping[str, Any]) -> tuple[GivenFile, ...]:
    references = [GivenFile(**file, benchmark_name=name) for name, file in values.get("references", {}).items()]
    return (*references, *([GivenFile(**values["turn_metadata"])] if "turn_metadata" in values else []))


def read_local(folder: Path) -> LocalFacts:
    """Read `local.json`. Raises `UsageError` for a folder without one, `InputError` if it cannot be read."""
    values = _read_object(folder, c.LOCAL_JSON, f"not an analysis folder: no {c.LOCAL_JSON}")
    try:
        runs_root, rules = (values.get(name) for name in ("runs_root", "rules"))
        earlier = values.get("comparison_dir")  # written in place of the list by earlier versions
        comparisons = list(values.get("comparison_dirs", [earlier] if earlier else []))
        for path in (*comparisons, runs_root, rules, *values["run_dirs"].values()):
            refuse_nul(path or "")
        return LocalFacts(
            comparison_dirs=tuple(map(Path, comparisons)),
            run_dirs={run_id: Path(path) for run_id, path in values["run_dirs"].items()},
            runs_root=None if runs_root is None else Path(runs_root),
            rules=None if rules is None else Path(rules),
            references=tuple(str(value) for value in values.get("references", ())),
            turn_metadata=Path(values["turn_metadata"]) if "turn_metadata" in values else None,
            outputs=tuple(str(name) for name in values.get("outputs", ())),
        )
    except _UNDONE as error:
        raise not_read_back(folder / c.LOCAL_JSON, error) from None


def _read_object(folder: Path, name: str, missing: str) -> dict[str, Any]:
    refuse_irregular(folder, [name])
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
    error_mode_confidence: str | None = None
    """`None` in a packet of an earlier version."""

    @property
    def tentative(self) -> bool:
        """Whether the provisional mode is tentative."""
        return self.error_mode_confidence == c.TENTATIVE

    @property
    def early(self) -> bool:
        """Whether the row was filled in after the session had ended."""
        return self.response_kind == c.ENDED_EARLY


class _PacketLine(PacketRow, kw_only=True):
    """What a reviewer is shown of a failed row, and all that its digest covers."""

    error_mode_rule: str
    error_mode_evidence: str
    error_mode_runner_up: str | None
    user_text: str
    assistant_text: str
    judge_reasoning: str
    scores: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_results: msgspec.Raw
    golden_text: str | None = None
    expected_calls: msgspec.Raw = msgspec.Raw(b"null")
    categories: tuple[str, ...] | None = None
    call_check: msgspec.Raw = msgspec.Raw(b"null")


_decode_row = msgspec.json.Decoder(PacketRow).decode
_decode_line = msgspec.json.Decoder(_PacketLine).decode


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
                    yield _evidence(_decode_line(os.pread(packet.fileno(), size, place)))
        except (OSError, msgspec.DecodeError) as error:
            raise not_read_back(self.path, error) from None


def read_packet(folder: Path) -> Packet:
    """Index the packet. Raises `InputError` if it cannot be read."""
    path = folder / c.PACKET_JSONL
    rows = []
    places = {}
    place = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                row = _decode_row(line)
                rows.append(row)
                places[row.row_id] = place, len(line)
                place += len(line)
    except (OSError, msgspec.DecodeError) as error:
        raise not_read_back(path, error) from None
    return Packet(path, rows, {row.row_id: row for row in rows}, places)


def _evidence(line: _PacketLine) -> Row:
    payloads = {"scores": line.scores, "tool_calls": line.tool_calls, "tool_results": line.tool_results}
    expected = {"expected_calls": bytes(line.expected_calls), "call_check": bytes(line.call_check)}
    return (
        msgspec.structs.asdict(line)
        | {name: bytes(text).decode() for name, text in payloads.items()}
        | {name: None if text == b"null" else text.decode() for name, text in expected.items()}
    )
