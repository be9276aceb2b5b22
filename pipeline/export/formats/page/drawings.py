"""Draw the counts: key figures at the top of the page, heat maps, and bars of causes."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pipeline.analysis import by_unit
from pipeline.export.formats.page.model import CauseBar, CauseChart, CauseRow, Figure, HeatMap
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Rows
from pipeline.report.sections.interface import fraction, rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.turns import TurnCell

_STATES: Final = {"reviewed": ("decided",), "provisional": OPEN_STATES}
"""The columns of `bucket_counts` that are drawn, and the review states of the rows that each counts."""


def figures(analysis: Analysis) -> Iterator[Figure]:
    """Yield the figures at the top of the page."""
    judged, failed = (int(analysis.model_counts[name].sum()) for name in ("rows_judged", "failed_rows"))
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


def causes(analysis: Analysis) -> Iterator[CauseChart]:
    """Yield the bars of bucket x model of every benchmark with failed rows, reviewed and provisional ones apart."""
    totals, buckets = by_unit(analysis.model_counts), by_unit(analysis.bucket_counts)
    for benchmark in analysis.benchmarks:
        models = analysis.models(benchmark)
        counts = {model: buckets.get((benchmark, model), []) for model in models}
        if any(counts.values()):
            figures = (
                Figure(fraction(row.failed_rows, row.rows_judged, (benchmark, model)), model)
                for model in models
                for row in totals[benchmark, model]
            )
            yield CauseChart(benchmark, tuple(figures), tuple(_rows(analysis, counts)))


def _rows(analysis: Analysis, counts: Mapping[str, Sequence[Any]]) -> Iterator[CauseRow]:
    """Yield the buckets, the largest first; `counts` has the rows of `bucket_counts` of each model."""
    sizes: Counter[str] = Counter()
    for row in chain(*counts.values()):
        sizes[row.bucket] += row.failed_rows
    longest = max(getattr(row, kind) for row in chain(*counts.values()) for kind in _STATES) or 1
    bars = [{row.bucket: tuple(_bars(row, longest)) for row in rows} for rows in counts.values()]
    for bucket in sorted(sizes, key=lambda name: (-sizes[name], name)):
        parent = analysis.review.buckets.parent(bucket)
        yield CauseRow(bucket, "" if parent == bucket else parent, tuple(model.get(bucket, ()) for model in bars))


def _bars(counts: Any, longest: int) -> Iterator[CauseBar]:  # noqa: ANN401 - a row of `bucket_counts`
    """Yield a bar for the reviewed rows of one bucket of one model, and one for its provisional rows."""
    where = (("benchmark", counts.benchmark_name), ("model", counts.model_name), ("bucket", counts.bucket))
    for kind, states in _STATES.items():
        if number := getattr(counts, kind):
            rows = Rows(str(number), (*where, *(("state", state) for state in states)))
            yield CauseBar(rows, f"{100 * number / longest:.1f}", kind)


def heat_maps(analysis: Analysis, cells: Sequence[Sequence[TurnCell]]) -> Iterator[HeatMap]:
    """Yield the heat map of every benchmark, from the cells that `heat_map_cells` returns."""
    sizes = Counter(analysis.turn_difficulty["benchmark_name"].tolist())
    for benchmark, of_map in zip(analysis.benchmarks, cells, strict=True):
        models = analysis.models(benchmark)
        codes = "".join(cell.code for cell in of_map)
        wide = len(codes) // len(models)
        yield HeatMap(
            benchmark=benchmark,
            models=models,
            turns=tuple(cell.turn.number for cell in of_map[:wide]),
            codes=tuple(codes[model * wide : (model + 1) * wide] for model in range(len(models))),
            left_out=sizes[benchmark] - wide,
        )
