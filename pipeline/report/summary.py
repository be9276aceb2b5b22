"""The plain-text summary of an analysis, for a terminal or to paste into a message."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.report.rows import AnalysisRows
from pipeline.report.sections.headline import headlines, written
from pipeline.report.sections.interface import ranges, rate
from pipeline.report.text import name_line, one_line, shorten, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.analysis import Analysis
    from pipeline.ledger.gate import Unit
    from pipeline.report.frames import Record

_TOP: Final = 3
_WIDTH: Final = 100
_MOST: Final = 50
"""The number of models of a benchmark that are shown."""


def summarise(analysis: Analysis) -> str:
    """Return the summary: per model the counts, top dimensions and modes; the shared hard turns; the notes."""
    return "\n".join(one_line_kept(line) for line in _lines(AnalysisRows(analysis), brief=False))


def summarise_briefly(analysis: Analysis) -> str:
    """Return the summary without findings, what users said on the hard turns, and their themes."""
    return "\n".join(one_line_kept(line) for line in _lines(AnalysisRows(analysis), brief=True))


def one_line_kept(line: str) -> str:
    """Return a line made safe for a terminal, with its indent."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + name_line(line)


def _lines(rows: AnalysisRows, *, brief: bool) -> Iterator[str]:
    analysis, benchmarks = rows.analysis, rows.analysis.benchmarks
    runs = words("run", len(analysis.inputs))
    if len(benchmarks) > 1:
        yield f"{analysis.name}: {runs} on {len(benchmarks)} benchmarks"
    else:
        counts = rows.models[benchmarks[0]]
        judged, failed = sum(row.rows_judged for row in counts), sum(row.failed_rows for row in counts)
        said = f"{rate(failed, judged)} of judged rows failed" if judged else "no judged row"
        yield f"{analysis.name}: {said} in {runs}"
    yield f"Status: {analysis.stamp}" + (
        f"; error modes are put by rules, not by reviewers{_of_these(rows)}" if analysis.status == "provisional" else ""
    )
    yield from _headlines(rows)
    findings: Mapping[Unit, list[str]] = defaultdict(list) if brief else _findings(analysis)
    texts = {} if brief else _user_texts(rows)
    for benchmark in benchmarks:
        turns = rows.turns[benchmark]
        comparable = sum(row.comparable for row in turns)
        yield ""
        yield f"Benchmark {benchmark}: {words('turn', len(turns))}, {comparable} comparable"
        for row in rows.models[benchmark][:_MOST]:
            yield from _model(rows, row, findings[benchmark, row.model_name])
        if (left := len(rows.models[benchmark]) - _MOST) > 0:
            yield f"  and {words(f'more {analysis.options.compare_by}', left)} (in the report)"
        if analysis.is_compared(benchmark):
            yield _failed_by_all(rows, benchmark, comparable)
            yield from _hard_turns_briefly(rows, benchmark) if brief else _shared_turns(rows, benchmark, texts)
        else:
            yield f"  Shared turns: not measured with one {analysis.options.compare_by}"
    severities = Counter(note.severity for note in analysis.notes)
    if severities:
        yield ""
        found = ", ".join(words(severity, n) for severity, n in sorted(severities.items()))
        yield f"Artifact notes: {found} (listed in the report and by `error-analysis check`)"
    if analysis.rejected:
        yield f"Rows left out as bad: {len(analysis.rejected)} (see {c.REJECTED_ROWS})"


def _headlines(rows: AnalysisRows) -> Iterator[str]:
    """Yield the headline of each benchmark, as the report has it."""
    for headline in headlines(rows):
        yield ""
        yield written(headline.rate)
        yield from (f"  {written(model)}" for model in headline.models)
        if headline.more:
            yield f"  and {words(f'more {rows.analysis.options.compare_by}', headline.more)}"
        yield from (f"  {written(fact)}" for fact in headline.facts)


def _of_these(rows: AnalysisRows) -> str:
    """Return how many labels are tentative; nothing where none is."""
    tentative = sum(row.tentative for row in rows.all_failures())
    return f": of these {rows.analysis.failed_rows}, {tentative} tentative" if tentative else ""


def _findings(analysis: Analysis) -> Mapping[Unit, list[str]]:
    """Return the lines of the findings that stand, by model."""
    review = analysis.review
    findings: dict[Unit, list[str]] = defaultdict(list)
    for finding in review.findings:
        if review.stands(finding):
            line = f"      {finding.bucket}: {one_line(finding.what_goes_wrong)}"
            findings[finding.benchmark_name, finding.model_name].append(line)
    return findings


def _user_texts(rows: AnalysisRows) -> Mapping[tuple[str, int], str]:
    """Return the user text of the hardest turns that some run failed, by benchmark and turn."""
    texts = rows.analysis.evidence_of(row.row_id for row in rows.examples.values())["user_text"]
    return dict(zip(rows.examples, texts, strict=True))


def _model(rows: AnalysisRows, row: Record, findings: list[str]) -> Iterator[str]:
    """Yield the lines on one model: its counts, worst dimensions, and main causes.

    Once anything is reviewed, the causes are buckets, reviewed and provisional rows apart, with the findings on
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
        f"expected endings {row.expected_endings}" if row.expected_endings else "",
        f"turns lost by the harness {row.pipeline_losses}" if row.pipeline_losses else "",
    ]
    if any(extra):
        yield f"    {', '.join(filter(None, extra))}"
    worst = [each for each in rows.worst_dimensions(unit)[:_TOP] if each.failed]
    if dimensions := [f"{each.dimension} {rate(each.failed, each.scored)}" for each in worst]:
        yield f"    dimensions: {'; '.join(dimensions)}"
    if rows.analysis.review.decided:
        largest = sorted(rows.parents[unit], key=lambda each: (-each.failed_rows, each.parent))[:_TOP]
        buckets = [f"{each.parent} {_sizes(each.reviewed, each.provisional, each.tentative)}" for each in largest]
        yield f"    main causes of {row.failed_rows}: {'; '.join(buckets)}"
        yield from findings
    else:
        modes = sorted(rows.error_modes[unit], key=lambda each: (-each.failed_rows, each.error_mode))[:_TOP]
        if modes:
            shares = [
                f"{each.error_mode} {rate(each.failed_rows, row.failed_rows)}{_tentative(each.tentative)}"
                for each in modes
            ]
            yield f"    error modes: {'; '.join(shares)}"


def _failed_by_all(rows: AnalysisRows, benchmark: str, comparable: int) -> str:
    by_all = rows.turn_sets[benchmark, "", c.FAILED_BY_ALL]
    listed = f": {ranges(by_all, 20)}" if by_all else ""
    return f"  Failed by every {rows.analysis.options.compare_by}: {len(by_all)}/{comparable} comparable turns{listed}"


def _hard_turns_briefly(rows: AnalysisRows, benchmark: str) -> Iterator[str]:
    if hard := _hard_turns(rows, benchmark):
        yield f"  Shared hard turns, hardest first: {', '.join(str(row.turn) for row in hard)}"


def _shared_turns(rows: AnalysisRows, benchmark: str, texts: Mapping[tuple[str, int], str]) -> Iterator[str]:
    """Yield the shared hard turns with what the user said, and the main causes of their failures."""
    unit, hard = rows.analysis.options.compare_by, _hard_turns(rows, benchmark)
    if hard:
        yield f"  Shared hard turns ({unit}s failing, runs failing):"
    for row in hard:
        figures = f"{row.models_failed}/{row.models}, {row.runs_failed}/{row.runs_judged}"
        yield shorten(f"    turn {row.turn} ({figures}): {one_line(texts[benchmark, row.turn])}", _WIDTH)
    yield from _themes(rows, benchmark)


def _themes(rows: AnalysisRows, benchmark: str) -> Iterator[str]:
    """Yield the main causes of the shared hard turns, over all models."""
    turns = {row.turn for row in _hard_turns(rows, benchmark)}
    of_turns = [row for row in rows.failures[benchmark] if row.turn in turns]
    sizes = Counter(map(rows.parent, of_turns))
    reviewed = Counter(rows.parent(row) for row in of_turns if row.reviewed)
    tentative = Counter(rows.parent(row) for row in of_turns if row.tentative)
    if themes := sizes.most_common(_TOP):  # of equal ones the first to appear
        listed = [
            f"{name} {_sizes(reviewed[name], number - reviewed[name], tentative[name])}" for name, number in themes
        ]
        yield f"  Themes of these turns: {'; '.join(listed)}"


def _hard_turns(rows: AnalysisRows, benchmark: str) -> list[Record]:
    """Return the hardest turns of a benchmark that at least two models fail."""
    return [row for row in rows.hardest_turns[benchmark] if row.models_failed > 1]


def _sizes(reviewed: int, provisional: int, tentative: int) -> str:
    return f"{reviewed} reviewed, {provisional} provisional{_tentative(tentative)}"


def _tentative(number: int) -> str:
    return f" ({number} tentative)" if number else ""
