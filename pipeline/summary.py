"""The plain-text summary of an analysis, for a terminal or to paste into a message."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline import stats, turnsets
from pipeline.sections.interface import ranges, rate, words
from pipeline.untrusted import one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pipeline.document import Analysis

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
    counts = analysis.model_counts
    judged, failed = int(counts[c.ROWS_JUDGED].sum()), int(counts[c.FAILED_ROWS].sum())
    yield f"{analysis.name}: {rate(failed, judged)} of judged rows failed in {words('run', len(analysis.inputs))}"
    yield f"Status: {analysis.status.replace('_', ' ').upper()}" + (
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
    difficulty = analysis.turn_difficulty[analysis.turn_difficulty[c.BENCHMARK] == benchmark]
    unit = analysis.options.compare_by
    comparable = int(difficulty[turnsets.COMPARABLE].sum())
    yield f"Benchmark {benchmark}: {words('turn', len(difficulty))}, {comparable} comparable"
    for model in analysis.models(benchmark):
        yield from _model(analysis, benchmark, model)
    if len(analysis.models(benchmark)) < 2:  # noqa: PLR2004 - a comparison needs two
        yield f"  Shared turns: not measured with one {unit}"
        return
    sets = analysis.turn_sets
    by_all = sets[(sets[c.BENCHMARK] == benchmark) & (sets[c.SET] == c.FAILED_BY_ALL)][c.TURN]
    yield f"  Failed by every {unit}: {len(by_all)}/{comparable} comparable turns" + (
        f": {ranges(by_all, 20)}" if len(by_all) else ""
    )
    hard = turnsets.shared_hard_turns(difficulty)
    if len(hard):
        yield f"  Shared hard turns ({unit}s failing, runs failing):"
    texts = user_texts(analysis, benchmark)
    for row in hard.to_dict("records"):
        figures = (
            f"{row[turnsets.MODELS_FAILED]}/{row[turnsets.MODELS]}, {row[c.RUNS_FAILED]}/{row[c.RUNS_JUDGED]}"
        )
        yield shorten(f"    turn {row[c.TURN]} ({figures}): {one_line(texts.get(row[c.TURN], ''))}", _WIDTH)


def _model(analysis: Analysis, benchmark: str, model: str) -> Iterator[str]:
    def own(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[(frame[c.BENCHMARK] == benchmark) & (frame[c.MODEL] == model)]

    row = own(analysis.model_counts).to_dict("records")[0]
    failed = row[c.FAILED_ROWS]
    yield f"  {model}: {rate(failed, row[c.ROWS_JUDGED])} failed in {words('run', row[c.RUNS])}"
    extra = [
        f"ended session {row[c.ENDED]}" if row[c.ENDED] else "",
        f"filled in after an ending {row[c.ENDED_EARLY]}" if row[c.ENDED_EARLY] else "",
        f"failed without those {failed - row[stats.EARLY_FAILED_ROWS]}"
        if row[stats.EARLY_FAILED_ROWS]
        else "",
        f"empty response {row[c.EMPTY_RESPONSE]}" if row[c.EMPTY_RESPONSE] else "",
        f"incomplete {row[c.INCOMPLETE_ROWS]}" if row[c.INCOMPLETE_ROWS] else "",
    ]
    if any(extra):
        yield f"    {', '.join(filter(None, extra))}"
    dimensions = own(analysis.dimension_counts)
    dimensions = dimensions[dimensions[c.FAILED] > 0].sort_values(
        [c.FAILED, c.DIMENSION], ascending=[False, True]
    )
    if len(dimensions):
        top = dimensions.head(_TOP)
        parts = zip(top[c.DIMENSION], top[c.FAILED], top[c.SCORED], strict=True)
        yield f"    dimensions: {'; '.join(f'{name} {rate(n, of)}' for name, n, of in parts)}"
    modes = own(analysis.error_mode_counts).sort_values(
        [c.FAILED_ROWS, c.ERROR_MODE], ascending=[False, True]
    )
    if len(modes):
        top = modes.head(_TOP)
        parts = zip(top[c.ERROR_MODE], top[c.FAILED_ROWS], strict=True)
        yield f"    error modes: {'; '.join(f'{name} {rate(n, failed)}' for name, n in parts)}"


def user_texts(analysis: Analysis, benchmark: str) -> dict[int, str]:
    """Give the user text of each turn of a benchmark that some run failed."""
    turns = analysis.turns
    rows = turns[turns[c.FAILED] & (turns[c.BENCHMARK] == benchmark) & (turns[c.USER_TEXT] != "")]
    first = rows.drop_duplicates(c.TURN)
    return dict(zip(first[c.TURN], first[c.USER_TEXT], strict=True))
