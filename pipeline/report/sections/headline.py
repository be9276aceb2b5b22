"""The headline: who fails how much, why, what the models share, whose doing it is, and what makes it doubtful.

It is built once, as sentences; the summary, the report and the page show the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.ledger.codebook import describe_bucket
from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Strong
from pipeline.report.sections.interface import Section, count, fraction, listed, rate, turn_ranges
from pipeline.report.text import one_line, shorten, words
from pipeline.schema import FAILED_BY_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.events import Finding
    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows, ParentCounts

MOST_MODELS: Final = 4
_QUOTE: Final = 160
_TURNS: Final = 5
_NO_FAULT: Final = {"grader": "the judge's", "reference": "the reference's", "pipeline": "the pipeline's"}


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline of one benchmark, as sentences."""

    benchmark: str
    rate: Inlines
    """Who fails how much."""
    models: tuple[Inlines, ...]
    """Per model its rate, its main cause with a quote; the worst first, at most `MOST_MODELS`."""
    more: int
    """How many models are not shown."""
    facts: tuple[Inlines, ...]
    """What the models share, whose doing the failures are, and what makes the figures doubtful."""


def headlines(rows: AnalysisRows) -> Iterator[Headline]:
    """Yield the headline of each benchmark."""
    for benchmark in rows.analysis.benchmarks:
        models = sorted(rows.models[benchmark], key=_failure_rate, reverse=True)
        shown = [_of_model(rows, row) for row in models[:MOST_MODELS]]
        facts = [fact for fact in (_shared(rows, benchmark), _doing(rows, benchmark), _doubt(rows)) if fact]
        more = max(len(models) - MOST_MODELS, 0)
        yield Headline(benchmark, _rate(rows, benchmark, models), tuple(shown), more, tuple(facts))


def written(content: Inlines) -> str:
    """Return a sentence as plain text."""
    return "".join(part if isinstance(part, str) else part.text for part in content)


def _failure_rate(row: Record) -> float:
    return row.failed_rows / row.rows_judged if row.rows_judged else -1.0


def _rate(rows: AnalysisRows, benchmark: str, models: list[Record]) -> Inlines:
    failed, judged = sum(row.failed_rows for row in models), sum(row.rows_judged for row in models)
    # Of a single benchmark these are all rows, which no filter names.
    several = len(rows.analysis.benchmarks) > 1
    of_all: Inline = fraction(failed, judged, (benchmark, "")) if several else rate(failed, judged)
    turns = words("turn", len(rows.turns[benchmark]))
    many = f", {words(rows.analysis.options.compare_by, len(models))}" if len(models) > 1 else ""
    if not judged:
        return (f"{benchmark} ({turns}{many}): no row was judged.",)
    return (f"{benchmark} ({turns}{many}): ", of_all, " of the judged rows failed.")


def _of_model(rows: AnalysisRows, row: Record) -> Inlines:
    """Return the sentences on one model: its rate, its main cause, when it happens, and a quote."""
    unit = (row.benchmark_name, row.model_name)
    if not row.rows_judged:
        return (Strong(row.model_name), ": no row was judged.")
    if not row.failed_rows:
        return (Strong(row.model_name), ": no judged row failed.")
    sizes = sorted(rows.parents[unit], key=lambda each: (-each.failed_rows, each.parent))
    largest = sizes[0]
    failed = fraction(row.failed_rows, row.rows_judged, unit)
    return (Strong(row.model_name), ": ", failed, " failed. ", *_cause(rows, largest, row.failed_rows))


def _cause(rows: AnalysisRows, cause: ParentCounts, failed: int) -> Iterator[Inline]:
    """Yield the sentences on a cause of a model: its share, when it happens, and a quote with its row."""
    unit, name = cause.unit, describe_bucket(cause.parent).name
    share = fraction(cause.failed_rows, failed, unit, ("bucket", f"+{cause.parent}"))
    standing = _standing(cause)
    yield from (f"Main cause ({standing}): {name[0].lower()}{name[1:]}, ", share, " of its failed rows")
    finding = _finding(rows, cause)
    if finding is not None:
        yield f". {_sentence(finding.what_goes_wrong)} When: {_sentence(finding.triggers)}"
    else:
        turns = sorted({row.turn for row in rows.in_bucket[*unit, cause.parent]})
        more = f" and {len(turns) - _TURNS} more" if len(turns) > _TURNS else ""
        yield from (
            f", at {'turn' if len(turns) == 1 else 'turns'} ",
            *turn_ranges(turns[:_TURNS], unit[0]),
            f"{more}.",
        )
    if (quoted := _quote(rows, cause, finding)) is not None:
        yield from (f" “{quoted[0]}” (", Code(quoted[1]), ")")


def _standing(cause: ParentCounts) -> str:
    """Return in words whether a cause was reviewed."""
    if not cause.provisional:
        return "reviewed"
    if not cause.reviewed:
        return "provisional"
    return f"{cause.reviewed} of {cause.failed_rows} rows reviewed"


def _finding(rows: AnalysisRows, cause: ParentCounts) -> Finding | None:
    """Return the finding that stands for a cause of a model; the first of several."""
    review = rows.analysis.review
    of_cause = (
        finding
        for finding in review.findings
        if (finding.benchmark_name, finding.model_name) == cause.unit
        and review.buckets.parent(finding.bucket) == cause.parent
        and review.stands(finding)
    )
    return next(of_cause, None)


def _quote(rows: AnalysisRows, cause: ParentCounts, finding: Finding | None) -> tuple[str, str] | None:
    """Return a sentence of the judge on a cause, and its row: one that the finding cites, else a firm label's."""
    evidence = rows.evidence
    shown = [row for row in rows.datapoints.get((*cause.unit, cause.parent), ()) if row.row_id in evidence]
    if not shown:
        return None
    cited = finding.row_ids if finding is not None else ()
    chosen = min(shown, key=lambda row: (row.row_id not in cited, row.tentative))
    return shorten(judges_sentence(evidence[chosen.row_id]), _QUOTE), chosen.row_id


def judges_sentence(row: Record) -> str:
    """Return the judge's sentence among the evidence of a row, on one line; facts of the row follow it there."""
    said, reasoning = str(row.error_mode_evidence), str(row.judge_reasoning)
    while said not in reasoning and "; " in said:
        said = said.rpartition("; ")[0]
    return one_line(said)


def _shared(rows: AnalysisRows, benchmark: str) -> Inlines:
    """Return what the models share: the turns that all fail."""
    if not rows.analysis.is_compared(benchmark):
        return ()
    by_all = rows.turn_sets[benchmark, "", FAILED_BY_ALL]
    comparable = sum(row.comparable for row in rows.turns[benchmark])
    unit = rows.analysis.options.compare_by
    if not by_all:
        return (f"Shared: no turn fails for every {unit}, of {words('comparable turn', comparable)}.",)
    shown = turn_ranges(sorted(by_all)[: 2 * _TURNS], benchmark)
    more = f" and {len(by_all) - 2 * _TURNS} more" if len(by_all) > 2 * _TURNS else ""
    return (f"Shared: every {unit} fails {len(by_all)} of {words('comparable turn', comparable)}: ", *shown, f"{more}.")


def _doing(rows: AnalysisRows, benchmark: str) -> Inlines:
    """Return how much is the judge's, the reference's or the pipeline's doing, as reviewed, and what may be."""
    counts: dict[str, int] = {}
    review = rows.analysis.review
    for row in rows.failures[benchmark]:
        decision = review.settled(row.row_id).decision if row.reviewed else None
        if decision is not None and decision.attribution in _NO_FAULT:
            counts[decision.attribution] = counts.get(decision.attribution, 0) + 1
    of_benchmark = rows.analysis.verdict_candidates
    doubtful = int(of_benchmark["benchmark_name"].eq(benchmark).sum())
    parts: list[tuple[Inline, ...]] = [
        (count(number, (benchmark, ""), ("attribution", name)), f" {_NO_FAULT[name]}")
        for name, number in counts.items()
    ]
    said: Inlines = ()
    if parts:
        of_all = f" of {words('failed row', len(rows.failures[benchmark]))}."
        said = ("Not the model's doing, as reviewed: ", *listed(parts), of_all)
    if doubtful:
        said += (" ",) if said else ()
        said += (f"{words('verdict', doubtful)} may be wrong, by the calls or the tool results.",)
    return said


def _doubt(rows: AnalysisRows) -> Inlines:
    """Return the one thing that makes the figures doubtful; nothing where nothing does."""
    analysis = rows.analysis
    lost = int(analysis.model_counts["pipeline_losses"].sum()) if "pipeline_losses" in analysis.model_counts else 0
    incomplete = int(analysis.model_counts["incomplete_rows"].sum())
    if analysis.rejected:
        return (f"Doubtful: {words('bad line', len(analysis.rejected))} left out.",)
    if lost:
        return (f"Doubtful: the harness lost {words('turn', lost)}, which count neither as passed nor as failed.",)
    if incomplete:
        return (
            f"Doubtful: {words('row', incomplete)} without any score, which count neither as passed nor as failed.",
        )
    return ()


def _sentence(text: str) -> str:
    line = one_line(text)
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."


def _build(rows: AnalysisRows) -> Iterator[Block]:
    yield Heading(2, ("In short",))
    for headline in headlines(rows):
        yield Paragraph(headline.rate)
        more = [(f"and {words(f'more {rows.analysis.options.compare_by}', headline.more)}",)] if headline.more else []
        yield BulletList((*headline.models, *more))
        for fact in headline.facts:
            yield Paragraph(fact)


SECTION = Section(1, _build)
