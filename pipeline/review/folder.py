"""An analysis folder under review: its failed rows, its other rows, and its ledger, each read when it is needed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import Problem, UsageError
from pipeline.ledger.store import LedgerFile
from pipeline.load.folder import read_facts, read_packet
from pipeline.load.whole import make_whole
from pipeline.report.text import some, visible_name
from pipeline.review.context import Conversations
from pipeline.review.names import unescaped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from pipeline.ledger.gate import Unit
    from pipeline.load.folder import Facts, Packet, PacketRow, Row
    from pipeline.load.folder_rows import AllRows

_LONGEST_TURN: Final = 18


@dataclass(frozen=True)
class Folder:
    """An analysis folder that was opened."""

    path: Path
    facts: Facts
    ledger_file: LedgerFile
    read_rows: Callable[[Path], AllRows]
    """Reads all rows, passed ones too; called only when one of these is needed."""

    @cached_property
    def packet(self) -> Packet:
        """The failed rows."""
        return read_packet(self.path)

    @cached_property
    def all_rows(self) -> AllRows:
        """All rows, passed ones too."""
        return self.read_rows(self.path)

    @cached_property
    def conversations(self) -> Conversations:
        """Which rows are around which."""
        return Conversations(self.all_rows)

    @property
    def rows(self) -> list[PacketRow]:
        """Every failed row, in the packet's order."""
        return self.packet.rows

    @property
    def by_id(self) -> dict[str, PacketRow]:
        """The failed rows by row id."""
        return self.packet.by_id

    @cached_property
    def provisional_sizes(self) -> dict[Unit, Counter[str]]:
        """By unit: failed rows per provisional mode, without those filled in after the session had ended."""
        sizes: dict[Unit, Counter[str]] = defaultdict(Counter)
        for row in self.rows:
            if not row.early:
                sizes[self.unit(row)][row.error_mode_candidate] += 1
        return dict(sizes)

    def unit(self, row: PacketRow) -> Unit:
        """Return what a row is counted for: its benchmark, and its model or its run."""
        return row.benchmark_name, row.model_name if self.facts.compare_by == "model" else row.run_id

    def evidence(self, row_id: str) -> Row | None:
        """Read a row, failed or not, with all that the evidence digest covers; `None` where there is no such row."""
        return next(iter(self.evidence_of([row_id]).values()), None)

    def evidence_of(self, row_ids: Collection[str]) -> dict[str, Row]:
        """Read those of the rows that are there, as `evidence` does, by row id."""
        failed = [row_id for row_id in row_ids if row_id in self.by_id]
        found = dict(zip(failed, self.packet.evidence_of(failed), strict=True))
        others = [row_id for row_id in row_ids if row_id not in self.by_id]
        return found | (self.whole(self.all_rows.fetch(others)) if others else {})

    def whole(self, rows: dict[str, Row]) -> dict[str, Row]:
        """Complete rows of the tables with all that the evidence digest covers: scores of left-out dimensions too."""
        failed = [row_id for row_id in rows if row_id in self.by_id]
        found = dict(zip(failed, self.packet.evidence_of(failed), strict=True))
        passed = {row_id: row for row_id, row in rows.items() if row_id not in self.by_id}
        left_out = bool(self.facts.options.get("exclude_dimensions"))
        scores = self.all_rows.scores(passed, left_out=left_out) if passed else {}
        return {row_id: row | (found.get(row_id) or {"scores": scores[row_id]}) for row_id, row in rows.items()}

    def find(self, written: str) -> str:
        """Return the row id that a written one means; its run may be shortened as long as it is unique.

        Raises `UsageError` where it means no run, or several.
        """
        run, colon, turn = written.rpartition(":")
        runs = self._runs
        if not colon or not turn.isdecimal() or len(turn) > _LONGEST_TURN:
            raise UsageError(Problem(written, "not a row id", "write the run and the turn: run-1:17"))
        fitting = _fitting(run, runs) or _fitting(unescaped(run), runs)
        if len(fitting) > 1:
            raise UsageError(Problem(written, f"{run!r} may be {some(fitting, 5)}", "write more of the run"))
        if not fitting:
            raise UsageError(Problem(written, f"no run {run!r}", f"runs: {some(list(runs), 10)}"))
        return f"{fitting[0]}:{int(turn)}"

    @cached_property
    def _runs(self) -> dict[str, None]:
        """The ids of all runs, in order."""
        return dict.fromkeys(given.run_id for given in self.facts.inputs)

    def no_such_row(self, where: str, what: str) -> Problem:
        """Return the problem of a row id that is not in the folder."""
        return Problem(where, what, f"row ids are in {self.path / c.PACKET_JSONL}")


def open_folder(path: Path, read_rows: Callable[[Path], AllRows], patience: float | None = None) -> Folder:
    """Open an analysis folder; `patience` is for how many seconds a write waits for others (`None`: for ever).

    Raises `UsageError` if it is no analysis folder, `InputError` if it cannot be read or is not of one analysis.
    """
    make_whole(path)
    return Folder(path, read_facts(path), LedgerFile(path, patience), read_rows)


def _fitting(run: str, runs: Collection[str]) -> list[str]:
    r"""Return the runs that a shortened name may mean: itself, else those it begins, else those it is part of.

    A name also means the run that outputs show so, as `run\u202e`, whose hidden characters nobody can type.
    """
    if run in runs:
        return [run]
    if shown := [name for name in runs if visible_name(name) == run]:
        return shown
    begun = [name for name in runs if run and name.startswith(run)]
    return begun or [name for name in runs if run and run in name]
