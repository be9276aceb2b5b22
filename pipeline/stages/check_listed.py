"""Check the counts that `run_results.csv` gives for a run against its judged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.load.facts import RunFacts
    from pipeline.load.rows import JudgedRun


def check_listed(judged: JudgedRun, facts: RunFacts, summary: Mapping[str, Any]) -> Iterator[Note]:
    """Yield one note where counts of the run's line do not fit its rows, by our convention or the harness's.

    The harness counts null as a pass over all turns, and may leave out the turns that it lost. Counts of another
    judge than the chosen one are passed over, and those that the judge's `summary` gives too: they are checked there.
    """
    run = judged.run
    if run.cells.get("judge_name", "") not in ("", run.judge):
        return
    lost = facts.lost_turns
    every = list(judged.scores)
    kept = [scores for turn, scores in zip(judged.turns, judged.scores, strict=True) if turn not in lost]
    differences = []
    for column, cell in run.cells.items():
        if (stated := _number(cell)) is None or not _is_count(column, judged):
            continue
        counts = {count for rows in (every, kept) for count in _counts(column, rows)}
        if counts and stated not in counts and stated != _summarised(column, summary):
            expected = " or ".join(map(str, sorted(counts)))
            differences.append(f"{column} is {cell}, the judged rows give {expected}")
    if differences:
        what = f"{run.run_id}: {'; '.join(differences)}; the run was judged again since, or this file is of other runs"
        yield Note("warning", "run_results.csv", what)


def _is_count(column: str, judged: JudgedRun) -> bool:
    """Whether a column may be a count of rows."""
    name, _, kind = column.rpartition("_")
    if column in {"turns_scored", "fail_rows", "pass_rows"}:
        return True
    return kind in {"passes", "applicable"} and any(name in scores for scores in judged.scores)


def _counts(column: str, rows: Sequence[Mapping[str, bool | None]]) -> Iterator[int]:
    """Yield what a column may rightly give for the rows; `column` is one of those."""
    match column:
        case "turns_scored":
            yield len(rows)
        case "fail_rows":
            yield _failed(rows)
        case "pass_rows":
            incomplete = sum(not any(score is not None for score in scores.values()) for scores in rows)
            yield len(rows) - _failed(rows)
            yield len(rows) - _failed(rows) - incomplete
        case _:
            name, _, kind = column.rpartition("_")
            of_dimension = [scores.get(name) for scores in rows]
            scored = sum(score is not None for score in of_dimension)
            passed = sum(score is True for score in of_dimension)
            yield passed if kind == "passes" else scored
            yield passed + len(rows) - scored if kind == "passes" else len(rows)


def _failed(rows: Sequence[Mapping[str, bool | None]]) -> int:
    return sum(False in scores.values() for scores in rows)


def _summarised(column: str, summary: Mapping[str, Any]) -> object:
    """Return what the summary of the judge gives for a column."""
    name, _, kind = column.rpartition("_")
    passes, totals = summary.get("passes"), summary.get("category_totals")
    of_kind = {"passes": passes, "applicable": totals}.get(kind)
    return of_kind.get(name) if isinstance(of_kind, dict) else summary.get(column)


def _number(cell: str) -> int | None:
    """Read a count; spreadsheets write 12 as 12.0."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else None
