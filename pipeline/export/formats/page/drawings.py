"""What the page draws from the counts: figures at the top, and bars of causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.export.formats.page.model import Bar, Bucket, Causes, Figure, HeatMap
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Rows
from pipeline.report.sections.interface import fraction, rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.export.formats.page.turns import TurnMap

_KINDS: Final = {c.REVIEWED: ("decided",), c.PROVISIONAL: OPEN_STATES}


def figures(analysis: Analysis) -> Iterator[Figure]:
    """Give the figures at the top of the page."""
    counts = [row for name in analysis.benchmarks for row in analysis.records("model_counts", name)]
    judged, failed = (sum(row[name] for row in counts) for name in (c.ROWS_JUDGED, c.FAILED_ROWS))
    decided = len(analysis.review.decided)
    if len(analysis.benchmarks) > 1:
        yield Figure(str(len(analysis.benchmarks)), "benchmarks")
    yield Figure(str(len({run.model_name for run in analysis.inputs})), "models")
    yield Figure(str(len(analysis.inputs)), "runs")
    yield Figure(str(judged), "judged rows")
    # Benchmarks are never mixed in a rate.
    words = rate(failed, judged) if len(analysis.benchmarks) == 1 else str(failed)
    yield Figure(Rows(words, ()) if failed else words, "failed rows")
    if failed:
        words = rate(decided, failed)
        yield Figure(Rows(words, (("state", "decided"),)) if decided else words, "reviewed")


def causes(analysis: Analysis) -> Iterator[Causes]:
    """Draw bucket x model of every benchmark with failed rows, reviewed and provisional ones apart."""
    for name in analysis.benchmarks:
        if analysis.records("bucket_counts", name):
            yield _of_benchmark(analysis, name)


def _of_benchmark(analysis: Analysis, benchmark: str) -> Causes:
    counts = {(row[c.MODEL], row[c.BUCKET]): row for row in analysis.records("bucket_counts", benchmark)}
    longest = max([row[kind] for row in counts.values() for kind in _KINDS], default=1) or 1
    models = analysis.records("model_counts", benchmark)
    sizes: dict[str, int] = {}
    for (_, bucket), row in counts.items():
        sizes[bucket] = sizes.get(bucket, 0) + row[c.FAILED_ROWS]
    parent = analysis.review.buckets.parent
    return Causes(
        benchmark,
        tuple(
            Figure(fraction(row[c.FAILED_ROWS], row[c.ROWS_JUDGED], (benchmark, row[c.MODEL])), row[c.MODEL])
            for row in models
        ),
        tuple(
            Bucket(
                bucket,
                "" if parent(bucket) == bucket else parent(bucket),
                tuple(_bars(counts.get((model[c.MODEL], bucket)), longest) for model in models),
            )
            for bucket in sorted(sizes, key=lambda name: (-sizes[name], name))
        ),
    )


def _bars(row: Record | None, longest: int) -> tuple[Bar, ...]:
    """Draw one bucket of one model: a bar for its reviewed rows and one for its provisional ones."""
    if row is None:
        return ()
    where = (("benchmark", row[c.BENCHMARK]), ("model", row[c.MODEL]), ("bucket", row[c.BUCKET]))
    return tuple(
        Bar(
            Rows(str(row[kind]), (*where, *(("state", state) for state in states))),
            f"{100 * row[kind] / longest:.1f}",
            kind,
        )
        for kind, states in _KINDS.items()
        if row[kind]
    )


def heat_map(turn_map: TurnMap) -> HeatMap:
    """Draw a heat map: the letters of its cells."""
    turns = tuple(turn_map.turns.tolist())
    return HeatMap(turn_map.benchmark, turn_map.models, turns, turn_map.codes, turn_map.left_out)
