"""Draw the counts: key figures at the top of the page, heat maps, and bars of causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.export.formats.page.model import CauseBar, CauseRow, Causes, Figure, HeatMap
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Rows
from pipeline.report.sections.interface import fraction, rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pipeline.analysis import Analysis

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


def causes(analysis: Analysis) -> Iterator[Causes]:
    """Yield the bars of bucket x model of every benchmark with failed rows, reviewed and provisional ones apart."""
    models = _by_benchmark(analysis.model_counts)
    buckets = _by_benchmark(analysis.bucket_counts)
    for benchmark in analysis.benchmarks:
        if benchmark in buckets:
            yield _of_benchmark(analysis, models[benchmark], buckets[benchmark])


def _of_benchmark(analysis: Analysis, models: pd.DataFrame, buckets: pd.DataFrame) -> Causes:
    counts = {(row.model_name, row.bucket): row for row in buckets.itertuples()}
    longest = int(buckets[list(_STATES)].max().max()) or 1
    sizes = buckets.groupby("bucket", observed=True)["failed_rows"].sum().to_dict()
    parent = analysis.review.buckets.parent
    rows = list(models.itertuples())
    return Causes(
        benchmark=rows[0].benchmark_name,
        models=tuple(
            Figure(fraction(row.failed_rows, row.rows_judged, (row.benchmark_name, row.model_name)), row.model_name)
            for row in rows
        ),
        rows=tuple(
            CauseRow(
                bucket=bucket,
                parent="" if parent(bucket) == bucket else parent(bucket),
                cells=tuple(_bars(counts.get((row.model_name, bucket)), longest) for row in rows),
            )
            for bucket in sorted(sizes, key=lambda name: (-sizes[name], name))
        ),
    )


def _bars(counts: Any, longest: int) -> tuple[CauseBar, ...]:  # noqa: ANN401 - a named tuple of a DataFrame
    """Return one bucket of one model: a bar for its reviewed rows and one for its provisional ones."""
    if counts is None:
        return ()
    where = (("benchmark", counts.benchmark_name), ("model", counts.model_name), ("bucket", counts.bucket))
    return tuple(
        CauseBar(
            number=Rows(str(number), (*where, *(("state", state) for state in states))),
            percent=f"{100 * number / longest:.1f}",
            kind=kind,
        )
        for kind, states in _STATES.items()
        if (number := getattr(counts, kind))
    )


def heat_maps(analysis: Analysis, cells: pd.DataFrame) -> Iterator[HeatMap]:
    """Yield the heat map of every benchmark, from the cells that `heat_map_cells` returns."""
    models = _by_benchmark(analysis.model_counts)
    turns = analysis.turn_difficulty["benchmark_name"].value_counts()
    of_map = dict(iter(cells.groupby("heat_map")))
    for position, benchmark in enumerate(analysis.benchmarks):
        names = tuple(models[benchmark]["model_name"])
        shown: tuple[int, ...] = ()
        codes = ""
        if position in of_map:
            shown = tuple(of_map[position]["turn"].head(len(of_map[position]) // len(names)).tolist())
            codes = "".join(of_map[position]["code"])
        yield HeatMap(
            benchmark=benchmark,
            models=names,
            turns=shown,
            codes=tuple(codes[model * len(shown) : (model + 1) * len(shown)] for model in range(len(names))),
            left_out=int(turns.get(benchmark, 0)) - len(shown),
        )


def _by_benchmark(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return dict(iter(frame.groupby("benchmark_name", sort=False, observed=True)))
