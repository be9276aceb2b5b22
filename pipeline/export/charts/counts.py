"""The charts of counts per model: failure rates, causes, failed dimensions."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from pipeline.export.charts import style
from pipeline.export.charts.bars import BarSpec, draw_bars
from pipeline.export.charts.names import labels, short
from pipeline.export.charts.slide import LEGEND_BOX, MARGIN, Slide
from pipeline.report.sections.interface import rate
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from pipeline.analysis import Analysis

_FEW_MODELS: Final = 4
_MOST_DIMENSIONS: Final = 8
_CAUSES: Final = {
    "reviewed": (style.REVIEWED, "reviewed: somebody read the row and decided"),
    "provisional": (style.PROVISIONAL, "provisional: put by rules, to be read"),
}


def draw_rates(analysis: Analysis, benchmark: str) -> Slide:
    """Draw the failure rate of every model with its 95% interval."""
    slide = Slide(analysis, benchmark, "Failure rate")
    models = labels(row.model_name for row in slide.counts)
    bars = [[_rate(row.failed_rows, row.rows_judged)] for row in slide.counts]
    draw_bars(slide, list(models.values()), [""], bars)
    missing = sum(row.incomplete_rows for row in slide.counts)
    return slide.finish(
        "Failed rows of judged rows, as judged. Lines and brackets: 95% Wilson intervals, which take the rows as "
        "independent of one another.",
        f"Not judged, and in no count: {words('row', missing)}." if missing else "",
    )


def _rate(failed: int, judged: int) -> BarSpec:
    if not judged:
        return BarSpec((), rate(0, 0))
    low, high = wilson(failed, judged)
    return BarSpec([(failed / judged, style.FAILED)], f"{rate(failed, judged)} [{low:.1%} to {high:.1%}]", (low, high))


def wilson(failed: int, judged: int) -> tuple[float, float]:
    """Return the 95% score interval of a rate (E. B. Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953)."""
    z = NormalDist().inv_cdf(0.975)
    part, weight = failed / judged, 1 + z * z / judged
    middle = (part + z * z / (2 * judged)) / weight
    half = z * sqrt(part * (1 - part) / judged + (z / (2 * judged)) ** 2) / weight
    return max(middle - half, 0.0), min(middle + half, 1.0)


def draw_causes(analysis: Analysis, benchmark: str) -> Slide:
    """Draw the error modes that count for every model, reviewed and provisional rows apart."""
    parent = analysis.review.buckets.parent
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    sizes, totals = Counter[str](), Counter[str]()
    for row in _rows_of(analysis.bucket_counts, benchmark):
        mode = parent(row.bucket)
        for kind in _CAUSES:
            found[row.model_name, mode][kind] += getattr(row, kind)
            sizes[mode] += getattr(row, kind)
            totals[kind] += getattr(row, kind)

    def bar(model: str, mode: str) -> BarSpec:
        parts = [(found[model, mode][kind], fill) for kind, (fill, _) in _CAUSES.items() if found[model, mode][kind]]
        return BarSpec(parts, " + ".join(str(size) for size, _ in parts) or "0")

    kinds = [kind for kind in _CAUSES if totals[kind]]
    slide = Slide(analysis, benchmark, "Provisional error modes" if kinds == ["provisional"] else "Causes of failure")
    slide.legend((_CAUSES[kind][1], [(LEGEND_BOX, _CAUSES[kind][0])]) for kind in kinds)
    _draw(slide, sizes, bar)
    both = " 4 + 2 means 4 reviewed and 2 provisional." if len(kinds) > 1 else ""
    return slide.finish(
        "Every failed row is counted once; finer causes count for their error mode. In brackets: failed rows of "
        f"judged rows.{both}"
    )


def draw_dimensions(analysis: Analysis, benchmark: str) -> Slide:
    """Draw the rate at which every model failed each dimension, of the rows on which it was scored."""
    slide = Slide(analysis, benchmark, "Failed dimensions")
    found: dict[tuple[str, str], tuple[int, int]] = {}
    sizes: Counter[str] = Counter()
    for row in _rows_of(analysis.dimension_counts, benchmark):
        if row.scored:
            found[row.model_name, row.dimension] = row.failed, row.scored
            sizes[row.dimension] += row.failed
    few = len(slide.counts) <= _FEW_MODELS

    def bar(model: str, dimension: str) -> BarSpec:
        if (model, dimension) not in found:
            return BarSpec((), "–")
        failed, scored = found[model, dimension]
        return BarSpec([(failed / scored, style.FAILED)], rate(failed, scored) if few else f"{failed}/{scored}")

    shown = dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MOST_DIMENSIONS])
    _draw(slide, shown, bar)
    left = [f"{short(name)} {sizes[name]}" for name in sizes if name not in shown]
    return slide.finish(
        "Rows that failed a dimension of those scored on it, as judged; a row can fail several. –: not scored; a "
        "dimension never scored is left out. In brackets: failed rows of judged rows.",
        f"Not shown, with fewer failures: {', '.join(left)}." if left else "",
    )


def _rows_of(counts: pd.DataFrame, benchmark: str) -> Iterable[Any]:
    return counts[counts["benchmark_name"].eq(benchmark)].itertuples()


def _draw(slide: Slide, sizes: dict[str, int], bar: Callable[[str, str], BarSpec]) -> None:
    """Draw a bar per model and name, the largest first: few models side by side, many one below the other."""
    models = labels(row.model_name for row in slide.counts)
    names = labels(sorted(sizes, key=lambda name: (-sizes[name], name)))
    columns = [f"{models[row.model_name]} ({row.failed_rows}/{row.rows_judged})" for row in slide.counts]
    rows = list(names.values())
    bars = [[bar(model, name) for model in models] for name in names]
    if not names:
        slide.y += 0.3
        slide.text(MARGIN, slide.y, "There are none.")
    elif len(models) <= _FEW_MODELS:
        draw_bars(slide, rows, columns, bars)
    else:
        draw_bars(slide, columns, rows, list(zip(*bars, strict=True)))
