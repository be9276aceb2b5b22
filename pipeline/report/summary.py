"""The plain-text summary of an analysis, for a terminal or to paste into a message."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.report.sections.interface import ranges, rate
from pipeline.report.text import one_line, shorten
from pipeline.report.wording import words

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from pipeline.analysis import Analysis, Record

_TOP: Final = 3
_WIDTH: Final = 100


def summarise(analysis: Analysis) -> str:
    """Write the summary: per model the counts, top dimensions and modes; the shared hard turns; the notes."""
    return "\n".join(one_line_kept(line) for line in _lines(analysis))


def one_line_kept(line: str) -> str:
    """Make a line safe for a terminal but keep its indent."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + one_line(line)


def _lines(analysis: Analysis) -> Iterator[str]:
    counts = [row for name in analysis.benchmarks for row in analysis.records("model_counts", name)]
    judged, failed = (sum(row[name] for row in counts) for name in (c.ROWS_JUDGED, c.FAILED_ROWS))
    runs = words("run", len(analysis.inputs))
    if len(analysis.benchmarks) > 1:
        yield f"{analysis.name}: {runs} on {len(analysis.benchmarks)} benchmarks"
    else:
        said = f"{rate(failed, judged)} of judged rows failed" if judged else "no judged row"
        yield f"{analysis.name}: {said} in {runs}"
    yield f"Status: {analysis.review.stamp}" + (
        "; error modes are put by rules, not by reviewers" if analysis.status == "provisional" else ""
    )
    for benchmark in analysis.benchmarks:
        yield ""
        yield from _benchmark(analysis, benchmark)
    severities = Counter(note.severity for note in analysis.notes)
    if severities:
        yield ""
        found = ", ".join(words(severity, n) for severity, n in sorted(severities.items()))
        yield f"Artifact notes: {found} (listed in the report and by `error-analysis check`)"
    if analysis.rejected:
        yield f"Rows left out as bad: {len(analysis.rejected)} (see {c.REJECTED_ROWS})"


def _benchmark(analysis: Analysis, benchmark: str) -> Iterator[str]:
    turns = analysis.records("turn_difficulty", benchmark)
    comparable = sum(row[c.COMPARABLE] for row in turns)
    unit = analysis.options.compare_by
    yield f"Benchmark {benchmark}: {words('turn', len(turns))}, {comparable} comparable"
    for row in analysis.records("model_counts", benchmark):
        yield from _model(analysis, benchmark, row)
    if not analysis.is_compared(benchmark):
        yield f"  Shared turns: not measured with one {unit}"
        return
    by_all = [row[c.TURN] for row in analysis.records("turn_sets", benchmark, "")]
    listed = f": {ranges(by_all, 20)}" if by_all else ""
    yield f"  Failed by every {unit}: {len(by_all)}/{comparable} comparable turns{listed}"
    hard = [row for row in analysis.records("hardest_turns", benchmark) if row[c.MODELS_FAILED] > 1]
    if hard:
        yield f"  Shared hard turns ({unit}s failing, runs failing):"
    texts = analysis.user_texts(benchmark)
    for row in hard:
        figures = f"{row[c.MODELS_FAILED]}/{row[c.MODELS]}, {row[c.RUNS_FAILED]}/{row[c.RUNS_JUDGED]}"
        yield shorten(f"    turn {row[c.TURN]} ({figures}): {one_line(texts[row[c.TURN]])}", _WIDTH)
    yield from _themes(analysis, benchmark, {row[c.TURN] for row in hard})


def _themes(analysis: Analysis, benchmark: str, turns: Container[int]) -> Iterator[str]:
    """Say what goes wrong on the shared hard turns, over all that is compared."""
    parent = analysis.review.buckets.parent
    rows = [row for model in analysis.models(benchmark) for row in analysis.failure_records(benchmark, model)]
    reviewed = {row.row_id for row in analysis.review.decided}
    rows = [row for row in rows if row[c.TURN] in turns]
    sizes = Counter(parent(row[c.BUCKET]) for row in rows)
    done = Counter(parent(row[c.BUCKET]) for row in rows if row[c.ROW_ID] in reviewed)
    if sizes:
        listed = "; ".join(
            f"{bucket} {done[bucket]} reviewed, {n - done[bucket]} provisional" for bucket, n in sizes.most_common(_TOP)
        )
        yield f"  Themes of these turns: {listed}"


def _model(analysis: Analysis, benchmark: str, row: Record) -> Iterator[str]:
    model, failed = row[c.MODEL], row[c.FAILED_ROWS]
    said = f"{rate(failed, row[c.ROWS_JUDGED])} failed" if row[c.ROWS_JUDGED] else "no judged row"
    yield f"  {model}: {said} in {words('run', row[c.RUNS])}"
    extra = [
        f"ended session {row[c.ENDED]}" if row[c.ENDED] else "",
        f"rows filled in after an ending {row[c.ENDED_EARLY]}" if row[c.ENDED_EARLY] else "",
        f"other failed rows {failed - row[c.EARLY_FAILED_ROWS]}" if row[c.EARLY_FAILED_ROWS] else "",
        f"empty response {row[c.EMPTY_RESPONSE]}" if row[c.EMPTY_RESPONSE] else "",
        f"incomplete {row[c.INCOMPLETE_ROWS]}" if row[c.INCOMPLETE_ROWS] else "",
    ]
    if any(extra):
        yield f"    {', '.join(filter(None, extra))}"
    dimensions = [row for row in analysis.records("dimension_counts", benchmark, model) if row[c.FAILED]]
    if dimensions:
        top = sorted(dimensions, key=lambda row: (-row[c.FAILED], row[c.DIMENSION]))[:_TOP]
        yield f"    dimensions: {'; '.join(f'{row[c.DIMENSION]} {rate(row[c.FAILED], row[c.SCORED])}' for row in top)}"
    if analysis.review.decided:
        yield from _causes(analysis, benchmark, model, failed)
    elif modes := analysis.records("error_mode_counts", benchmark, model):
        top = sorted(modes, key=lambda row: (-row[c.FAILED_ROWS], row[c.ERROR_MODE]))[:_TOP]
        yield f"    error modes: {'; '.join(f'{row[c.ERROR_MODE]} {rate(row[c.FAILED_ROWS], failed)}' for row in top)}"


def _causes(analysis: Analysis, benchmark: str, model: str, failed: int) -> Iterator[str]:
    """Say a model's main causes, reviewed and provisional apart, and the findings on them."""
    review = analysis.review
    reviewed, provisional = Counter[str](), Counter[str]()
    for row in analysis.records("bucket_counts", benchmark, model):
        reviewed[review.buckets.parent(row[c.BUCKET])] += row[c.REVIEWED]
        provisional[review.buckets.parent(row[c.BUCKET])] += row[c.PROVISIONAL]
    sizes = reviewed + provisional
    top = sorted(sizes, key=lambda bucket: (-sizes[bucket], bucket))[:_TOP]
    said = [f"{bucket} {reviewed[bucket]} reviewed, {provisional[bucket]} provisional" for bucket in top]
    yield f"    main causes of {failed}: {'; '.join(said)}"
    for finding in review.findings:
        if (finding.benchmark_name, finding.model_name) == (benchmark, model) and review.stands(finding):
            yield f"      {finding.bucket}: {one_line(finding.what_goes_wrong)}"
