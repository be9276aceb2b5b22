"""The charts of counts per model: failure rates, causes, failed dimensions."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.export.charts import look
from pipeline.export.charts.bars import Bar, draw_bars
from pipeline.export.charts.names import labels, short
from pipeline.export.charts.sheet import KEY, MARGIN, Sheet
from pipeline.report.sections.interface import rate
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.analysis import Analysis

_FEW_MODELS: Final = 4
_MOST_DIMENSIONS: Final = 8
_CAUSES: Final = {
    c.REVIEWED: (look.REVIEWED, "reviewed: somebody read the row and decided"),
    c.PROVISIONAL: (look.PROVISIONAL, "provisional: put by rules, to be read"),
}


def draw_rates(analysis: Analysis, benchmark: str) -> Sheet:
    """Draw the failure rate of every model with its 95% interval."""
    sheet = Sheet(analysis, benchmark, "Failure rate")
    models = labels(row[c.MODEL] for row in sheet.counts)
    bars = [[_rate(row[c.FAILED_ROWS], row[c.ROWS_JUDGED])] for row in sheet.counts]
    draw_bars(sheet, list(models.values()), [""], bars)
    missing = sum(row[c.INCOMPLETE_ROWS] for row in sheet.counts)
    return sheet.finish(
        "Failed rows of judged rows, as judged. Lines and brackets: 95% Wilson intervals, which take the rows as "
        "independent of one another.",
        f"Not judged, and in no count: {words('row', missing)}." if missing else "",
    )


def _rate(failed: int, judged: int) -> Bar:
    if not judged:
        return Bar((), rate(0, 0))
    low, high = wilson(failed, judged)
    return Bar([(failed / judged, look.FAILED)], f"{rate(failed, judged)} [{low:.1%} to {high:.1%}]", (low, high))


def wilson(failed: int, judged: int) -> tuple[float, float]:
    """Give the 95% score interval of a rate (E. B. Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953)."""
    z = NormalDist().inv_cdf(0.975)
    part, weight = failed / judged, 1 + z * z / judged
    middle = (part + z * z / (2 * judged)) / weight
    half = z * sqrt(part * (1 - part) / judged + (z / (2 * judged)) ** 2) / weight
    return max(middle - half, 0.0), min(middle + half, 1.0)


def draw_causes(analysis: Analysis, benchmark: str) -> Sheet:
    """Draw the error modes that count for every model, what reviewers decided and what rules say apart."""
    parent = analysis.review.buckets.parent
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    sizes, totals = Counter[str](), Counter[str]()
    for row in analysis.records("bucket_counts", benchmark):
        mode = parent(row[c.BUCKET])
        for kind in _CAUSES:
            found[row[c.MODEL], mode][kind] += row[kind]
            sizes[mode] += row[kind]
            totals[kind] += row[kind]

    def bar(model: str, mode: str) -> Bar:
        parts = [(found[model, mode][kind], fill) for kind, (fill, _) in _CAUSES.items() if found[model, mode][kind]]
        return Bar(parts, " + ".join(str(size) for size, _ in parts) or "0")

    kinds = [kind for kind in _CAUSES if totals[kind]]
    sheet = Sheet(analysis, benchmark, "Provisional error modes" if kinds == [c.PROVISIONAL] else "Causes of failure")
    sheet.key((_CAUSES[kind][1], [(KEY, _CAUSES[kind][0])]) for kind in kinds)
    _draw(sheet, sizes, bar)
    both = " 4 + 2 means 4 reviewed and 2 provisional." if len(kinds) > 1 else ""
    return sheet.finish(
        "Every failed row is counted once; finer causes count for their error mode. In brackets: failed rows of "
        f"judged rows.{both}"
    )


def draw_dimensions(analysis: Analysis, benchmark: str) -> Sheet:
    """Draw how often every model failed each dimension, of the rows on which it was scored."""
    sheet = Sheet(analysis, benchmark, "Failed dimensions")
    found: dict[tuple[str, str], tuple[int, int]] = {}
    sizes: Counter[str] = Counter()
    for row in analysis.records("dimension_counts", benchmark):
        if row[c.SCORED]:
            found[row[c.MODEL], row[c.DIMENSION]] = row[c.FAILED], row[c.SCORED]
            sizes[row[c.DIMENSION]] += row[c.FAILED]
    few = len(sheet.counts) <= _FEW_MODELS

    def bar(model: str, dimension: str) -> Bar:
        if (model, dimension) not in found:
            return Bar((), "–")
        failed, scored = found[model, dimension]
        return Bar([(failed / scored, look.FAILED)], rate(failed, scored) if few else f"{failed}/{scored}")

    shown = dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MOST_DIMENSIONS])
    _draw(sheet, shown, bar)
    left = [f"{short(name)} {sizes[name]}" for name in sizes if name not in shown]
    return sheet.finish(
        "Rows that failed a dimension of those scored on it, as judged; a row can fail several. –: not scored; a "
        "dimension never scored is left out. In brackets: failed rows of judged rows.",
        f"Not shown, with fewer failures: {', '.join(left)}." if left else "",
    )


def _draw(sheet: Sheet, sizes: dict[str, int], bar: Callable[[str, str], Bar]) -> None:
    """Draw a bar per model and name, the largest first: few models side by side, many below one another."""
    models = labels(row[c.MODEL] for row in sheet.counts)
    names = labels(sorted(sizes, key=lambda name: (-sizes[name], name)))
    columns = [f"{models[row[c.MODEL]]} ({row[c.FAILED_ROWS]}/{row[c.ROWS_JUDGED]})" for row in sheet.counts]
    rows = list(names.values())
    bars = [[bar(model, name) for model in models] for name in names]
    if not names:
        sheet.y += 0.3
        sheet.text(MARGIN, sheet.y, "There are none.")
    elif len(models) <= _FEW_MODELS:
        draw_bars(sheet, rows, columns, bars)
    else:
        draw_bars(sheet, columns, rows, list(zip(*bars, strict=True)))
