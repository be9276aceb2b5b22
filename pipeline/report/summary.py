"""The plain-text summary of an analysis, for a terminal or to paste into a message."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.report.frames import (
    MODEL,
    failures_by_model,
    grouped,
    of_benchmark,
    parent_counts,
    ranked,
    records,
    user_texts,
)
from pipeline.report.sections.interface import ranges, rate
from pipeline.report.text import one_line, shorten, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.ledger.gate import Unit
    from pipeline.report.frames import Record

_TOP: Final = 3
_WIDTH: Final = 100


def summarise(analysis: Analysis) -> str:
    """Return the summary: per model the counts, top dimensions and modes; the shared hard turns; the notes."""
    return "\n".join(one_line_kept(line) for line in _lines(analysis))


def one_line_kept(line: str) -> str:
    """Return a line made safe for a terminal, with its indent."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + one_line(line)


@dataclass(frozen=True)
class _Largest:
    """By model the three largest of each kind, as rows of the count tables, and the lines of its findings."""

    dimensions: Mapping[Unit, list[Record]]
    error_modes: Mapping[Unit, list[Record]]
    buckets: Mapping[Unit, list[Record]]
    """Finer buckets counted with their parents."""
    findings: Mapping[Unit, list[str]]


def _lines(analysis: Analysis) -> Iterator[str]:
    counts, benchmarks = analysis.model_counts, analysis.benchmarks
    judged, failed = int(counts["rows_judged"].sum()), int(counts["failed_rows"].sum())
    runs = words("run", len(analysis.inputs))
    if len(benchmarks) > 1:
        yield f"{analysis.name}: {runs} on {len(benchmarks)} benchmarks"
    else:
        said = f"{rate(failed, judged)} of judged rows failed" if judged else "no judged row"
        yield f"{analysis.name}: {said} in {runs}"
    yield f"Status: {analysis.review.stamp}" + (
        "; error modes are put by rules, not by reviewers" if analysis.status == "provisional" else ""
    )
    largest, failures = _largest(analysis), failures_by_model(analysis)
    texts = user_texts(analysis, failures)
    for benchmark in benchmarks:
        turns = of_benchmark(analysis.turn_difficulty, benchmark)
        comparable = int(turns["comparable"].sum())
        yield ""
        yield f"Benchmark {benchmark}: {words('turn', len(turns))}, {comparable} comparable"
        for row in records(of_benchmark(counts, benchmark)):
            yield from _model(row, largest, reviewed=bool(analysis.review.decided))
        if analysis.is_compared(benchmark):
            yield from _shared_turns(analysis, benchmark, comparable, texts)
            yield from _themes(analysis, benchmark, of_benchmark(failures, benchmark))
        else:
            yield f"  Shared turns: not measured with one {analysis.options.compare_by}"
    severities = Counter(note.severity for note in analysis.notes)
    if severities:
        yield ""
        found = ", ".join(words(severity, n) for severity, n in sorted(severities.items()))
        yield f"Artifact notes: {found} (listed in the report and by `error-analysis check`)"
    if analysis.rejected:
        yield f"Rows left out as bad: {len(analysis.rejected)} (see {c.REJECTED_ROWS})"


def _largest(analysis: Analysis) -> _Largest:
    def top(counts: pd.DataFrame, size: str, name: str) -> Mapping[Unit, list[Record]]:
        return grouped(ranked(counts, size, name).groupby(MODEL, observed=True).head(_TOP), MODEL)

    review = analysis.review
    findings: dict[Unit, list[str]] = defaultdict(list)
    for finding in review.findings:
        if review.stands(finding):
            line = f"      {finding.bucket}: {one_line(finding.what_goes_wrong)}"
            findings[finding.benchmark_name, finding.model_name].append(line)
    return _Largest(
        dimensions=top(analysis.dimension_counts[analysis.dimension_counts["failed"] > 0], "failed", "dimension"),
        error_modes=top(analysis.error_mode_counts, "failed_rows", "error_mode"),
        buckets=top(parent_counts(analysis), "failed_rows", "parent"),
        findings=findings,
    )


def _model(row: Record, largest: _Largest, *, reviewed: bool) -> Iterator[str]:
    """Yield the lines on one model: its counts, worst dimensions, and main causes.

    Once anything is `reviewed`, the causes are buckets, reviewed and provisional rows apart, with the findings on
    them; until then they are the provisional error modes.
    """
    unit = (row.benchmark_name, row.model_name)
    said = f"{rate(row.failed_rows, row.rows_judged)} failed" if row.rows_judged else "no judged row"
    yield f"  {row.model_name}: {said} in {words('run', row.runs)}"
    early = row.early_failed_rows
    extra = [
        f"ended session {row.model_ended_session}" if row.model_ended_session else "",
        f"rows filled in after an ending {row.model_ended_session_early}" if row.model_ended_session_early else "",
        f"other failed rows {row.failed_rows - early}" if early else "",
        f"empty response {row.empty_response}" if row.empty_response else "",
        f"incomplete {row.incomplete_rows}" if row.incomplete_rows else "",
    ]
    if any(extra):
        yield f"    {', '.join(filter(None, extra))}"
    if dimensions := [f"{each.dimension} {rate(each.failed, each.scored)}" for each in largest.dimensions[unit]]:
        yield f"    dimensions: {'; '.join(dimensions)}"
    if reviewed:
        buckets = [f"{each.parent} {_sizes(each.reviewed, each.provisional)}" for each in largest.buckets[unit]]
        yield f"    main causes of {row.failed_rows}: {'; '.join(buckets)}"
        yield from largest.findings[unit]
    elif modes := [
        f"{each.error_mode} {rate(each.failed_rows, row.failed_rows)}" for each in largest.error_modes[unit]
    ]:
        yield f"    error modes: {'; '.join(modes)}"


def _shared_turns(
    analysis: Analysis, benchmark: str, comparable: int, texts: Mapping[tuple[str, int], str]
) -> Iterator[str]:
    unit = analysis.options.compare_by
    sets = of_benchmark(analysis.turn_sets, benchmark)
    by_all = sets.loc[sets["set"] == c.FAILED_BY_ALL, "turn"]
    listed = "" if by_all.empty else f": {ranges(by_all, 20)}"
    yield f"  Failed by every {unit}: {len(by_all)}/{comparable} comparable turns{listed}"
    hard = _hard_turns(analysis, benchmark)
    if not hard.empty:
        yield f"  Shared hard turns ({unit}s failing, runs failing):"
    for row in records(hard):
        figures = f"{row.models_failed}/{row.models}, {row.runs_failed}/{row.runs_judged}"
        yield shorten(f"    turn {row.turn} ({figures}): {one_line(texts[benchmark, row.turn])}", _WIDTH)


def _themes(analysis: Analysis, benchmark: str, failures: pd.DataFrame) -> Iterator[str]:
    """Yield the main causes of the shared hard turns, over all models; `failures` are those of the benchmark."""
    rows = failures[failures["turn"].isin(_hard_turns(analysis, benchmark)["turn"])]
    themes = (
        rows.groupby("parent", sort=False)
        .agg(rows=("row_id", "size"), reviewed=("reviewed", "sum"))
        .sort_values("rows", ascending=False, kind="stable")  # of equal ones the first to appear
        .head(_TOP)
        .reset_index()
    )
    if not themes.empty:
        listed = [f"{each.parent} {_sizes(each.reviewed, each.rows - each.reviewed)}" for each in records(themes)]
        yield f"  Themes of these turns: {'; '.join(listed)}"


def _hard_turns(analysis: Analysis, benchmark: str) -> pd.DataFrame:
    """Return the hardest turns of a benchmark that at least two models fail."""
    hardest = of_benchmark(analysis.hardest_turns, benchmark)
    return hardest[hardest["models_failed"] > 1]


def _sizes(reviewed: int, provisional: int) -> str:
    return f"{reviewed} reviewed, {provisional} provisional"
