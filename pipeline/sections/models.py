"""Per model: counts, failed dimensions, each major error mode with its datapoints, unique fails and passes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.codebook import MODES
from pipeline.document import BulletList, Code, Heading, Paragraph, Strong
from pipeline.sections.datapoints import datapoint
from pipeline.sections.interface import Section, labelled_turns, rate, table, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.document import Block, Datapoint

_DATAPOINTS = 3


def _build(analysis: Analysis) -> Iterator[Block]:
    chosen = {
        (benchmark, model): _choose(analysis, benchmark, model)
        for benchmark in analysis.benchmarks
        for model in analysis.models(benchmark)
    }
    evidence = analysis.evidence(
        position for buckets in chosen.values() for positions in buckets.values() for position in positions
    )
    points = {
        key: {
            bucket: [datapoint(evidence[position]) for position in positions] for bucket, positions in buckets.items()
        }
        for key, buckets in chosen.items()
    }
    yield Heading(2, (f"Each {analysis.options.compare_by}",))
    for benchmark, model in chosen:
        name = f"{benchmark}: {model}" if len(analysis.benchmarks) > 1 else model
        yield Heading(3, (name,))
        yield from _of_model(analysis, benchmark, model, points[benchmark, model])


def _choose(analysis: Analysis, benchmark: str, model: str) -> dict[str, list[int]]:
    """Choose datapoints by major bucket: early turns first, each turn once, none filled in after an ending."""
    first: dict[str, dict[int, int]] = {
        row[c.BUCKET]: {} for row in analysis.records("bucket_counts", benchmark, model) if row[c.MAJOR]
    }
    for row in analysis.failures(benchmark, model):
        if row[c.BUCKET] in first and row[c.RESPONSE_KIND] != c.ENDED_EARLY:
            first[row[c.BUCKET]].setdefault(row[c.TURN], row[c.POSITION])
    return {bucket: [turns[turn] for turn in sorted(turns)][:_DATAPOINTS] for bucket, turns in first.items()}


def _of_model(analysis: Analysis, benchmark: str, model: str, points: dict[str, list[Datapoint]]) -> Iterator[Block]:
    (row,) = analysis.records("model_counts", benchmark, model)
    yield Paragraph(
        (
            f"{words('run', row[c.RUNS])}; failed rows ",
            Strong(rate(row[c.FAILED_ROWS], row[c.ROWS_JUDGED])),
            f"; incomplete rows {row[c.INCOMPLETE_ROWS]}",
            f"; ended session {row[c.ENDED]}, filled in after an ending {row[c.ENDED_EARLY]}",
            f"; empty response {row[c.EMPTY_RESPONSE]}.",
        )
    )
    if row[c.FAILED_ROWS]:
        yield _dimension_table(analysis, benchmark, model)
        yield from _modes(analysis, benchmark, model, points)
    else:
        yield Paragraph(("No judged row failed." if row[c.ROWS_JUDGED] else "No row was judged.",))
    if analysis.is_compared(benchmark):
        sets = analysis.records("turn_sets", benchmark, model)
        yield BulletList(
            tuple(
                labelled_turns(title, [row[c.TURN] for row in sets if row[c.SET] == name])
                for title, name in (("Fails alone", c.UNIQUE_FAIL), ("Passes alone", c.UNIQUE_PASS))
            )
        )


def _dimension_table(analysis: Analysis, benchmark: str, model: str) -> Block:
    rows = analysis.records("dimension_counts", benchmark, model)
    ranked = sorted(rows, key=lambda row: (-row[c.FAILED], row[c.DIMENSION]))
    return table(
        ["failed dimension", "failed of scored"],
        [(Code(row[c.DIMENSION]), rate(row[c.FAILED], row[c.SCORED])) for row in ranked],
    )


def _modes(analysis: Analysis, benchmark: str, model: str, points: dict[str, list[Datapoint]]) -> Iterator[Block]:
    buckets = analysis.records("bucket_counts", benchmark, model)
    failures: dict[str, list[Record]] = {}
    for failure in analysis.failures(benchmark, model):
        failures.setdefault(failure[c.BUCKET], []).append(failure)
    total = sum(row[c.FAILED_ROWS] for row in buckets)
    for bucket, datapoints in points.items():
        yield from _of_mode(bucket, failures[bucket], total)
        yield from datapoints
    if minor := [f"{row[c.BUCKET]} {row[c.FAILED_ROWS]}" for row in buckets if not row[c.MAJOR]]:
        yield Paragraph((f"Minor modes: {', '.join(minor)}.",))


def _of_mode(mode: str, rows: list[Record], total: int) -> Iterator[Block]:
    yield Heading(4, (f"{MODES[mode].name} (", Code(mode), f"), {rate(len(rows), total)} of failed rows"))
    yield Paragraph((MODES[mode].what_goes_wrong,))
    costs = Counter(name for row in rows for name in row[c.FAILED_DIMENSIONS])
    ranked = sorted(costs.items(), key=lambda item: (-item[1], item[0]))
    cost = ", ".join(f"{name} {n}/{len(rows)}" for name, n in ranked)
    turns = labelled_turns("Turns", {row[c.TURN] for row in rows})
    yield Paragraph((Strong("Dimensions it costs"), f": {cost}. ", *turns))


SECTION = Section(70, _build)
