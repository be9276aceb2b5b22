"""Read judged files run by run into DataFrames: blocks of bytes in, nothing kept of the bytes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.errors import InputError
from pipeline.load.files import opened, plain
from pipeline.load.judged import BadLine, JudgedRow, Repair, decode
from pipeline.load.repair import clean, integer, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.errors import Problem
    from pipeline.load.records import Run

_BLOCK: Final = 4 << 20
_BATCH: Final = 16 << 20
_ORACLE: Final = "oracle_continuation"
_NO_TEXTS: Final = pa.table({name: pa.array([], pa.large_string()) for name in (*schema.TEXTS, _ORACLE)})
# What msgspec accepts in a raw payload and our outputs must not hold: numbers that may lie beyond a float's range,
# and a bare carriage return between tokens, which some readers take for a line's end.
_SUSPECT_PAYLOAD: Final = r"[eE]\+?[0-9]{2}|[0-9]{200}|\r"


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """One run as read: its rows in turn order, each turn once, and what was wrong on the way."""

    run: Run
    turns: list[int]
    lines: list[int]
    """The line number of each row."""
    scores: list[dict[str, bool | None]]
    latency_ms: list[float | None]
    ttfb_ms: list[float | None]
    stored: list[bool]
    """Whether anything of the response of each row was written."""
    text_stored: list[bool]
    """Whether its text was, be it empty."""
    texts: pa.Table
    """The columns of `text_columns`, one row per row; none in a `RunBatch`, whose frame has them."""
    model_name: str
    row_models: tuple[str, ...]
    """The distinct model names that its rows hold, commonest first."""
    sha256: str
    size: int
    """The bytes read."""
    bad: tuple[BadLine, ...]
    repairs: tuple[Repair, ...]
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


@dataclass(frozen=True, slots=True)
class RunBatch:
    """Some runs as two DataFrames that share an index: a number per row, from 0."""

    runs: list[JudgedRun]
    turns: pd.DataFrame
    """One row per run x turn, with texts (`schema.LOADED_TURNS`)."""
    scores: pd.DataFrame
    """One row per run x turn x dimension (`schema.LONG_SCORES`), under the index of its turn."""

    def by_run(self) -> Iterator[tuple[JudgedRun, pd.DataFrame]]:
        """Yield each run with its rows of `turns`."""
        first = 0
        for judged in self.runs:
            yield judged, self.turns.iloc[first : first + len(judged.turns)]
            first += len(judged.turns)


def read_batches(runs: Sequence[Run], comparison: str, advance: Callable[[int], None]) -> Iterator[RunBatch]:
    """Yield the runs in their order, small ones together: one batch is one large run or several small ones.

    `advance` is told the number of bytes read. A run whose file cannot be read comes with its problems.
    """
    runs_read: list[JudgedRun] = []
    for run in runs:
        runs_read.append(_read_run(run, advance))
        if sum(judged.size for judged in runs_read) >= _BATCH:
            yield _as_frames(runs_read, comparison)
            runs_read = []
    if runs_read:
        yield _as_frames(runs_read, comparison)


def read_lines(file: Path, wanted: Sequence[int]) -> tuple[dict[int, JudgedRow], str]:
    """Return the rows at the given line numbers, by their line, and the file's digest."""
    lines = set(wanted)
    digest = hashlib.sha256()
    rows: dict[int, JudgedRow] = {}
    with opened(file) as stream:
        for number, line in enumerate(stream, 1):
            digest.update(line)
            if number in lines:
                decoded = decode(line, number)
                rows |= dict(zip(decoded.lines, decoded.rows, strict=True))
    return rows, digest.hexdigest()


class _Turn(msgspec.Struct, gc=False):
    turn: int


_decode_turn: Final = msgspec.json.Decoder(_Turn).decode


def greatest_turn(files: Iterable[Path]) -> int | None:
    """Return the greatest turn number in some judged files, lines that are not read at once left out."""
    greatest: int | None = None
    for file in files:
        with opened(file) as stream:
            for line in stream:
                try:
                    turn = _decode_turn(line).turn
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
                greatest = turn if greatest is None else max(greatest, turn)
    return greatest


def text_columns(rows: Sequence[JudgedRow]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the five texts of rows as Arrow columns, payloads as JSON text, none null; and what was replaced.

    A sixth column is `oracle_continuation`, null where the row has none.

    A replacement is the row's position and what it was.
    """
    replaced: list[tuple[int, str]] = []
    columns = {
        "user_text": [row.user_text or "" for row in rows],
        "assistant_text": [row.assistant_text or "" for row in rows],
        "judge_reasoning": [row.explanation for row in rows],
        "tool_calls": _payloads([bytes(row.tool_calls) for row in rows], "tool_calls", replaced),
        "tool_results": _payloads([bytes(row.tool_results) for row in rows], "tool_results", replaced),
    }
    oracle = _payloads([bytes(row.oracle_continuation) for row in rows], _ORACLE, replaced)
    columns[_ORACLE] = [None if text == b"null" else text for text in oracle]
    return pa.table({name: pa.array(column, pa.large_string()) for name, column in columns.items()}), replaced


def _payloads(texts: list[bytes], name: str, replaced: list[tuple[int, str]]) -> list[bytes]:
    """Rewrite the payloads that hold what JSON readers cannot read; `replaced` receives what was replaced."""
    # RE2 over a column takes a tenth of the time of `re` over its texts.
    hits = pc.match_substring_regex(pa.array(texts, pa.large_string()), _SUSPECT_PAYLOAD)
    for position in pc.indices_nonzero(hits).to_pylist():
        texts[position] = texts[position].replace(b"\r", b" ")  # inside a string it would be written \\r
        found: list[str] = []
        value = clean(json.loads(texts[position], parse_int=integer), name, found)
        if found:
            texts[position] = to_json(value)
            replaced += [(position, what) for what in found]
    return texts


def _as_frames(runs: list[JudgedRun], comparison: str) -> RunBatch:
    """Lay the rows of some runs out as the two long tables."""
    of_runs = pd.DataFrame(
        {
            "comparison": comparison,
            "benchmark_name": [judged.run.benchmark_name for judged in runs],
            "model_name": [judged.model_name for judged in runs],
            "run_id": [judged.run.run_id for judged in runs],
            "run_index": pd.array([judged.run.run_index for judged in runs], dtype="Int64"),
            "source_file": [judged.run.source for judged in runs],
        }
    )
    names = ["comparison", "benchmark_name", "model_name", "run_id", "source_file"]
    of_runs = of_runs.assign(**{name: categorical(of_runs[name].tolist()) for name in names})
    of_rows = of_runs.loc[of_runs.index.repeat([len(judged.turns) for judged in runs])].reset_index(drop=True)
    texts = pa.concat_tables(judged.texts for judged in runs).combine_chunks().to_pandas()
    scores = [each for judged in runs for each in judged.scores]
    turns = pd.concat([of_rows, texts], axis="columns").assign(
        row_id=_column((f"{judged.run.run_id}:{turn}" for judged in runs for turn in judged.turns), "str"),
        turn=_column((turn for judged in runs for turn in judged.turns), "int64"),
        latency_ms=_column((number for judged in runs for number in judged.latency_ms), "float64"),
        ttfb_ms=_column((number for judged in runs for number in judged.ttfb_ms), "float64"),
        source_line=_column((line for judged in runs for line in judged.lines), "int64"),
        scores=_column((msgspec.json.encode(each).decode() for each in scores), "str"),
        stored=_column((each for judged in runs for each in judged.stored), "bool"),
        text_stored=_column((each for judged in runs for each in judged.text_stored), "bool"),
    )
    keys = turns[["benchmark_name", "model_name", "run_id", "turn"]]
    keys = keys.assign(turn=pd.to_numeric(keys["turn"], downcast="integer"))
    long = keys.loc[keys.index.repeat([len(each) for each in scores])].assign(
        dimension=categorical(list(chain.from_iterable(scores))),
        passed=pd.array(list(chain.from_iterable(each.values() for each in scores)), dtype="boolean"),
    )
    runs[:] = [replace(judged, texts=_NO_TEXTS) for judged in runs]  # the frame has them
    return RunBatch(runs, schema.conform(turns, schema.LOADED_TURNS), schema.conform(long, schema.LONG_SCORES))


def _column(values: Iterable[object], kind: str) -> pd.Series:
    return pd.Series(list(values), dtype=kind)


def categorical(values: Sequence[str]) -> pd.Categorical:
    """Return strings that repeat as a categorical whose categories stand in the order of their first appearance."""
    categories = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return pd.Categorical.from_codes(
        [categories[value] for value in values], pd.Index(list(categories), dtype="str"), validate=False
    )


def _read_run(run: Run, advance: Callable[[int], None]) -> JudgedRun:
    """Read one run block by block."""
    digest = hashlib.sha256()
    judged = JudgedRun(run, [], [], [], [], [], [], [], _NO_TEXTS, "", (), "", 0, (), (), ())
    texts: list[pa.Table] = []
    bad: list[BadLine] = []
    repairs: list[Repair] = []
    models: Counter[str] = Counter()
    size = 0
    line = 1
    unreadable: tuple[Problem, ...] = ()
    try:
        with opened(run.judged_file) as stream:
            for block in _blocks(stream):
                digest.update(block)
                decoded = decode(block, line)
                columns, replaced = text_columns(decoded.rows)
                texts.append(columns)
                judged.turns.extend(row.turn for row in decoded.rows)
                judged.lines.extend(decoded.lines)
                judged.scores.extend(row.scores for row in decoded.rows)
                judged.latency_ms.extend(row.latency_ms for row in decoded.rows)
                judged.ttfb_ms.extend(row.ttfb_ms for row in decoded.rows)
                judged.stored.extend(row.stored for row in decoded.rows)
                judged.text_stored.extend(row.assistant_text is not None for row in decoded.rows)
                models.update(row.model_name for row in decoded.rows if row.model_name)
                bad += decoded.bad
                repairs += decoded.repairs
                repairs += [Repair(decoded.lines[position], what) for position, what in replaced]
                line += block.count(b"\n")
                size += len(block)
                advance(len(block))
    except InputError as error:
        unreadable = error.problems
    names = [name for name, _ in models.most_common()]
    read = replace(
        judged,
        texts=pa.concat_tables([_NO_TEXTS, *texts]),
        model_name=run.model_name or next(iter(names), plain(run.directory.name)),
        row_models=tuple(names),
        sha256=digest.hexdigest(),
        size=size,
        bad=tuple(bad),
        repairs=tuple(repairs),
        unreadable=unreadable,
    )
    return _each_turn_once(read)


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


def _each_turn_once(judged: JudgedRun) -> JudgedRun:
    """Sort rows by turn; of a turn judged more than once, the last row in the file counts."""
    if all(one < other for one, other in pairwise(judged.turns)):
        return judged
    last = {turn: position for position, turn in enumerate(judged.turns)}
    order = [last[turn] for turn in sorted(last)]
    dropped = sorted((turn, n) for n, turn in enumerate(judged.turns) if last[turn] != n)
    return replace(
        judged,
        turns=[judged.turns[n] for n in order],
        lines=[judged.lines[n] for n in order],
        scores=[judged.scores[n] for n in order],
        latency_ms=[judged.latency_ms[n] for n in order],
        ttfb_ms=[judged.ttfb_ms[n] for n in order],
        stored=[judged.stored[n] for n in order],
        text_stored=[judged.text_stored[n] for n in order],
        texts=judged.texts.take(pa.array(order, pa.int64())),
        duplicates=tuple((turn, judged.lines[n], judged.lines[last[turn]]) for turn, n in dropped),
    )
