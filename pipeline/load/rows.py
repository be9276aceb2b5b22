"""Read judged files run by run: blocks of bytes in, one Arrow table a run out, nothing kept of the bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import schema as c
from pipeline.errors import InputError
from pipeline.load import judged
from pipeline.load.files import opened, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pipeline.errors import Problem
    from pipeline.load.records import Run

_BLOCK: Final = 4 << 20
_BATCH: Final = 16 << 20


class LoadedRun(NamedTuple):
    """One run as read: its rows in turn order, each turn once, and what was wrong on the way."""

    run: Run
    table: pa.Table
    """Columns of `judged.TABLE`; one row per turn."""
    model_name: str
    row_models: tuple[str, ...]
    """The distinct model names its rows give, commonest first."""
    sha256: str
    bad: tuple[judged.BadLine, ...]
    repairs: tuple[judged.Repair, ...]
    duplicates: tuple[tuple[int, int, int], ...]
    """(turn, line left out, line that counts) for every turn judged more than once."""
    unreadable: tuple[Problem, ...] = ()
    """What the file system refused; then there are no rows."""

    @property
    def bad_lines(self) -> dict[int, tuple[str, bytes]]:
        """The bad lines by number: everything that is wrong with each, and its bytes."""
        reasons: dict[int, list[str]] = {}
        for bad in self.bad:
            reasons.setdefault(bad.line, []).append(bad.what)
        return {bad.line: ("; ".join(reasons[bad.line]), bad.raw) for bad in self.bad}


def read_batches(runs: Sequence[Run], advance: Callable[[int], None]) -> Iterator[list[LoadedRun]]:
    """Read the runs in their order, small ones together: one batch is one large run or several small ones.

    `advance` is told the number of bytes read. A run whose file cannot be read comes with its problems.
    """
    batch: list[LoadedRun] = []
    size = 0
    for run in runs:
        loaded, read = _read_run(run, advance)
        batch.append(loaded)
        size += read
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_lines(file: Path, wanted: Sequence[int]) -> tuple[pa.Table, str]:
    """Read the rows at the given line numbers, in file order (columns of `judged.TABLE`), and the file's digest."""
    lines = set(wanted)
    tables = [judged.TABLE.empty_table()]
    digest = hashlib.sha256()
    with opened(file) as stream:
        for number, line in enumerate(stream, 1):
            digest.update(line)
            if number in lines:
                tables.append(judged.decode(line, number).table)
    return pa.concat_tables(tables), digest.hexdigest()


def _read_run(run: Run, advance: Callable[[int], None]) -> tuple[LoadedRun, int]:
    digest = hashlib.sha256()
    tables: list[pa.Table] = []
    bad: list[judged.BadLine] = []
    repairs: list[judged.Repair] = []
    size = 0
    line = 1
    unreadable: tuple[Problem, ...] = ()
    try:
        with opened(run.judged_file) as stream:
            for block in _blocks(stream):
                digest.update(block)
                decoded = judged.decode(block, line)
                tables.append(decoded.table)
                bad += decoded.bad
                repairs += decoded.repairs
                line += block.count(b"\n")
                size += len(block)
                advance(len(block))
    except InputError as error:
        unreadable = error.problems
    table = pa.concat_tables(tables) if tables else judged.TABLE.empty_table()
    table, duplicates = _each_turn_once(table)
    names = [name for name, _ in Counter(table[c.MODEL].drop_null().to_pylist()).most_common() if name]
    loaded = LoadedRun(
        run=run,
        table=table,
        model_name=run.model_name or next(iter(names), plain(run.directory.name)),
        row_models=tuple(names),
        sha256=digest.hexdigest(),
        bad=tuple(bad),
        repairs=tuple(repairs),
        duplicates=duplicates,
        unreadable=unreadable,
    )
    return loaded, size


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Cut a stream into blocks of whole lines; the last line need not end."""
    parts: list[bytes] = []
    while chunk := stream.read(_BLOCK):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, chunk[:cut]])
            parts = []
        parts.append(chunk[cut:])
    if rest := b"".join(parts):
        yield rest


def _each_turn_once(table: pa.Table) -> tuple[pa.Table, tuple[tuple[int, int, int], ...]]:
    """Sort by turn; of a turn judged twice, the last row in the file counts."""
    turns = table[c.TURN].to_numpy()
    if (np.diff(turns) > 0).all():
        return table, ()
    order = np.argsort(turns, kind="stable")
    ordered = turns[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    lines = table[c.SOURCE_LINE].to_numpy()[order]
    counting = lines[np.flatnonzero(last)[np.cumsum(last) - last]]
    duplicates = tuple(zip(ordered[~last].tolist(), lines[~last].tolist(), counting[~last].tolist(), strict=True))
    return table.take(order[last]), duplicates
