"""An analysis folder as reviewers use it: its failed rows, found at once, and its ledger.

The failed rows come from the packet. What the commands ask of every row is kept in a cache beside it, so that a
decision among 20,000 rows takes no longer than one among twenty; it is made anew whenever the packet is another.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import schema as c
from pipeline.errors import InputError, Problem, UsageError
from pipeline.ledger.evidence import evidence_digest
from pipeline.ledger.store import read_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pipeline.ledger.replay import Ledger
    from pipeline.review.context import Around

CACHE: Final = ".review_cache"
_FORMAT: Final = 2
_LONGEST_TURN: Final = 18
_ANALYSE: Final = "analyse again: error-analysis analyze"


class FailedRow(msgspec.Struct, frozen=True, array_like=True):
    """What the commands ask of every failed row."""

    row_id: str
    run_id: str
    benchmark_name: str
    model_name: str
    turn: int
    failed_dimensions: tuple[str, ...]
    mode: str
    early: bool
    place: int
    """Where its line begins in the packet."""
    size: int


class _Cache(msgspec.Struct, array_like=True):
    format: int
    packet: tuple[int, int, int]
    """Size, time of change and number of the packet file that it was made from."""
    rows: list[FailedRow]
    digests: dict[str, str]
    """Digests of rows that somebody opened or decided, failed or not; empty where there is no such row."""


class _PacketRow(msgspec.Struct):
    row_id: str
    run_id: str
    benchmark_name: str
    model_name: str
    turn: int
    failed_dimensions: tuple[str, ...]
    error_mode_candidate: str
    response_kind: str


class _Payloads(msgspec.Struct):
    scores: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_results: msgspec.Raw


class _Options(msgspec.Struct):
    compare_by: str = "model"
    repeat_policy: str = "majority"
    exclude_dimensions: tuple[str, ...] = ()


class _Input(msgspec.Struct):
    run_id: str
    model_name: str
    benchmark_name: str


class _Facts(msgspec.Struct):
    """What the commands need of `analysis.json`."""

    status: str
    options: _Options
    inputs: list[_Input]


@dataclass(frozen=True)
class Folder:
    """An analysis folder that was opened."""

    path: Path
    facts: _Facts
    around: Callable[[Sequence[str]], dict[str, Around]] | None = None
    """Gives rows with what stands around them, where something faster than the tables on disk is at hand."""

    def with_present_ledger(self) -> Folder:
        """Give the same folder with the ledger as it is now; what was read of the packet is kept."""
        fresh = Folder(self.path, self.facts, self.around)
        kept = {name: value for name, value in self.__dict__.items() if name in ("_cache", "by_id")}
        fresh.__dict__.update(kept)
        return fresh

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger as it stood when it was first asked for."""
        return read_ledger(self.path)

    @cached_property
    def _cache(self) -> _Cache:
        return _read_cache(self.path)

    @property
    def rows(self) -> list[FailedRow]:
        """Every failed row, in the packet's order."""
        return self._cache.rows

    @cached_property
    def by_id(self) -> dict[str, FailedRow]:
        """The failed rows by row id."""
        return {row.row_id: row for row in self.rows}

    def unit(self, row: FailedRow) -> tuple[str, str]:
        """Give what a row is counted for: its benchmark, and its model or its run."""
        return row.benchmark_name, row.model_name if self.facts.options.compare_by == "model" else row.run_id

    def digest(self, row_id: str) -> str | None:
        """Give the digest of a row, failed or not; `None` where there is no such row."""
        return self.digests([row_id])[row_id]

    def digests(self, row_ids: Iterable[str]) -> dict[str, str | None]:
        """Give the digests of rows, failed or not; `None` for one that is not there."""
        wanted = list(row_ids)
        known = self._cache.digests
        if unknown := [row_id for row_id in wanted if row_id not in known]:
            failed = {row_id: self.evidence(self.by_id[row_id]) for row_id in unknown if row_id in self.by_id}
            found = failed | self._passed([row_id for row_id in unknown if row_id not in failed])
            self.remember({row_id: evidence_digest(found[row_id]) if row_id in found else "" for row_id in unknown})
        return {row_id: known[row_id] or None for row_id in wanted}

    def _passed(self, row_ids: list[str]) -> dict[str, dict[str, Any]]:
        if not row_ids:
            return {}
        from pipeline.review.context import rows_by_id  # noqa: PLC0415 - reads tables, which takes longer

        return {row_id: self.whole(row) for row_id, row in rows_by_id(self.path, row_ids).items()}

    def whole(self, row: dict[str, Any]) -> dict[str, Any]:
        """Give a row of the tables with all that the evidence digest covers: scores that are left out too."""
        if row[c.ROW_ID] in self.by_id:
            return row | self.evidence(self.by_id[row[c.ROW_ID]])
        if self.facts.options.exclude_dimensions:
            from pipeline.review.context import all_scores  # noqa: PLC0415 - as above

            return row | {c.SCORES: all_scores(self.path, row)}
        return row

    def remember(self, digests: dict[str, str]) -> None:
        """Keep the digests of rows for the next command."""
        if not digests.items() <= self._cache.digests.items():
            self._cache.digests.update(digests)
            if self.around is None:  # a page shows row after row, and cannot write them all each time
                _write_cache(self.path, self._cache)

    def evidence(self, row: FailedRow) -> dict[str, Any]:
        """Read a failed row of the packet; `scores`, tool calls and results stay JSON text."""
        with (self.path / c.PACKET_JSONL).open("rb") as packet:
            line = os.pread(packet.fileno(), row.size, row.place)
        values: dict[str, Any] = msgspec.json.decode(line)
        raw = msgspec.json.decode(line, type=_Payloads)
        return values | {name: bytes(getattr(raw, name)).decode() for name in (c.SCORES, c.TOOL_CALLS, c.TOOL_RESULTS)}

    def find(self, written: str) -> str:
        """Give the row id that a written one stands for; its run part may be shortened as long as it is unique.

        Raises `UsageError` where it stands for no run, or for several.
        """
        run, colon, turn = written.rpartition(":")
        runs = [given.run_id for given in self.facts.inputs]
        if not colon or not turn.isdecimal() or len(turn) > _LONGEST_TURN:
            raise UsageError(Problem(written, "not a row id", "write the run and the turn: run-1:17"))
        fitting = _fitting(run, runs)
        if len(fitting) > 1:
            raise UsageError(Problem(written, f"{run!r} may be {', '.join(fitting[:5])}", "write more of the run"))
        if not fitting:
            raise UsageError(Problem(written, f"no run {run!r}", f"runs: {', '.join(runs[:10])}"))
        return f"{fitting[0]}:{int(turn)}"


def open_folder(path: Path) -> Folder:
    """Open an analysis folder. Raises `UsageError` if it is none, `InputError` if it cannot be read."""
    try:
        return Folder(path, msgspec.json.decode((path / c.ANALYSIS_JSON).read_bytes(), type=_Facts))
    except (FileNotFoundError, NotADirectoryError):
        fix = "name the folder that `error-analysis analyze` wrote"
        raise UsageError(Problem(str(path), "not an analysis folder", fix)) from None
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(Problem(str(path / c.ANALYSIS_JSON), f"cannot be read back: {error}", _ANALYSE)) from None


def _fitting(run: str, runs: list[str]) -> list[str]:
    """Give the runs that a shortened name may stand for: itself, else those it begins, else those it is part of."""
    if run in runs:
        return [run]
    begun = [name for name in runs if run and name.startswith(run)]
    return begun or [name for name in runs if run and run in name]


def _read_cache(folder: Path) -> _Cache:
    packet = folder / c.PACKET_JSONL
    try:
        stat = packet.stat()
        made_from = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        try:
            cache = msgspec.msgpack.decode((folder / CACHE).read_bytes(), type=_Cache)
            if cache.format == _FORMAT and cache.packet == made_from:
                return cache
        except (OSError, msgspec.DecodeError):
            pass
        cache = _Cache(_FORMAT, made_from, _index(packet), {})
    except OSError as error:
        raise InputError(Problem(str(packet), f"cannot be read: {error.strerror or error}", _ANALYSE)) from None
    _write_cache(folder, cache)
    return cache


def _index(packet: Path) -> list[FailedRow]:
    rows = []
    place = 0
    decoder = msgspec.json.Decoder(_PacketRow)
    with packet.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise InputError(Problem(f"{packet}:{number}", f"no row of a packet: {error}", _ANALYSE)) from None
            rows.append(_indexed(row, place, len(line)))
            place += len(line)
    return rows


def _indexed(row: _PacketRow, place: int, size: int) -> FailedRow:
    return FailedRow(
        row.row_id,
        row.run_id,
        row.benchmark_name,
        row.model_name,
        row.turn,
        row.failed_dimensions,
        row.error_mode_candidate,
        row.response_kind == c.ENDED_EARLY,
        place,
        size,
    )


def _write_cache(folder: Path, cache: _Cache) -> None:
    """Write the cache; where the folder cannot be written to, the next command makes it anew."""
    fresh = folder / f"{CACHE}.{os.getpid()}"
    try:
        fresh.write_bytes(msgspec.msgpack.encode(cache))
        fresh.replace(folder / CACHE)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
