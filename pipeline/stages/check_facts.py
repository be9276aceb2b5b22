"""Notes on what the harness says about a run: turns lost or excluded, its status, and what it did not measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline import schema
from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from pipeline.load.artifacts import Artifacts
    from pipeline.load.facts import RunFacts
    from pipeline.load.rows import JudgedRun
    from pipeline.schema import LossKind

_SHOWN_TURNS: Final = 12
_OTHER_SENTINEL: Final = r"^\s*(\[[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b)"
_KNOWN: Final = tuple(sentinel for sentinels in schema.SENTINELS.values() for sentinel in sentinels)


def check_facts(judged: JudgedRun, turns: pd.DataFrame, artifacts: Artifacts, facts: RunFacts) -> Iterator[Note]:
    """Yield the notes on one run; `turns` has one row per judged turn of it, with its texts."""
    run_id = judged.run.run_id
    runtime, summary = f"{run_id}/runtime.json", f"{run_id}/{judged.run.judge}_summary.json"
    yield from _lost(facts, "failed_turn", runtime, "lost by the harness (failed_turns)", set(judged.turns))
    excluded_by = summary if (artifacts.summary or {}).get("runtime_excluded_turns") else runtime
    said = "excluded from judging because the harness failed (runtime_excluded_turns)"
    yield from _lost(facts, "runtime_excluded", excluded_by, said, set(judged.turns), _turns_of(facts, "failed_turn"))
    for loss in facts.losses:
        if loss.kind == "not_valid":
            reason = f" ({loss.said})" if loss.said else ""
            what = f"the harness marks this run as not valid{reason}; its judged rows still count: look into it first"
            yield Note("warning", runtime, what)
        elif loss.kind == "status":
            what = f"the harness ended this run with the status {loss.said}; its judged rows still count"
            yield Note("warning", runtime, what)
        elif loss.kind == "realigned":
            what = "realignment_applied: the judge gave credit for calls that came on another turn than expected"
            yield Note("info", summary, what)
    transcript = f"{run_id}/transcript.jsonl"
    if recovered := _turns_of(facts, "recovery_row"):
        yield Note("info", transcript, f"recovery rows of the harness at {turns_named(recovered)}; they are not judged")
    if repeated := _turns_of(facts, "duplicate"):
        yield Note("warning", transcript, f"{turns_named(repeated)} written more than once; the last row was used")
    if len(unstored := turns.loc[~turns["stored"], "turn"].tolist()):
        what = f"{turns_named(unstored)} without text and calls: the response was not stored with the judgment"
        yield Note("info", judged.run.source, what)
    yield from _other_sentinels(judged.run.source, turns)


def _lost(  # noqa: PLR0913, PLR0917 - a note in parts
    facts: RunFacts, kind: LossKind, where: str, said: str, judged: set[int], named: Sequence[int] = ()
) -> Iterator[Note]:
    """Yield the notes on lost turns of one kind, those aside that were `named` before."""
    lost = [turn for turn in _turns_of(facts, kind) if turn not in named]
    if not lost:
        return
    yield Note("warning", where, f"{turns_named(lost)} {said}: neither passed nor failed")
    if scored := sorted(judged.intersection(lost)):
        what = f"{turns_named(scored)} scored all the same; not judged, because the harness lost or excluded them"
        yield Note("warning", where, what)


def _turns_of(facts: RunFacts, kind: LossKind) -> list[int]:
    return [loss.turn for loss in facts.losses if loss.kind == kind and loss.turn is not None]


def _other_sentinels(source: str, turns: pd.DataFrame) -> Iterator[Note]:
    """Yield a note for each upper-case prefix in brackets that is none of the sentinels; such a response is text."""
    text = turns["assistant_text"]
    marked = text[text.str.startswith("[") & ~text.str.startswith(_KNOWN)]
    found = marked.str.extract(_OTHER_SENTINEL, expand=False).dropna()
    for prefix, of_prefix in found.groupby(found):
        numbers = turns.loc[of_prefix.index, "turn"].tolist()
        what = f"responses begin with {prefix}] at {turns_named(numbers)}: no known sentinel, counted as text"
        yield Note("info", source, what)


def turns_named(turns: Sequence[int]) -> str:
    """Return turns in words: `turn 3`, or `turns 3, 4 and 2 more`."""
    return f"turn{'s' * (len(turns) > 1)} {numbers_named(turns)}"


def numbers_named(numbers: Sequence[int]) -> str:
    """Return the first of some numbers, and how many more there are."""
    shown = ", ".join(map(str, numbers[:_SHOWN_TURNS]))
    rest = len(numbers) - _SHOWN_TURNS
    return f"{shown} and {rest} more" if rest > 0 else shown
