"""What the reference says of each turn, beside the rows; and where the rows do not fit the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.load.reference import Reference


_SHOWN: Final = 12


def reference_turns(references: Mapping[str, Reference]) -> pd.DataFrame:
    """Return what is expected of each turn: one row per benchmark x turn of its reference; calls as JSON text."""
    rows = [
        (benchmark, turn.turn, turn.golden_text, turn.calls_json, list(turn.categories))
        for benchmark, reference in references.items()
        for turn in reference.turns.values()
    ]
    columns = ["benchmark_name", "turn", "golden_text", "expected_calls", "categories"]
    kinds = {"benchmark_name": "str", "turn": "int64", "golden_text": "str", "expected_calls": "str"}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def add_reference(turns: pd.DataFrame, references: Mapping[str, Reference]) -> pd.DataFrame:
    """Add `golden_text`, `expected_calls` and `categories`: one row per run x turn; missing without a reference."""
    known = reference_turns(references)
    keys = pd.DataFrame({"benchmark_name": turns["benchmark_name"].astype("str"), "turn": turns["turn"]})
    found = keys.merge(known, how="left", on=["benchmark_name", "turn"], validate="many_to_one").set_axis(turns.index)
    texts = {name: as_repeated(found[name]) for name in ("golden_text", "expected_calls")}
    return turns.assign(
        **texts, categories=found["categories"].astype("object").where(found["golden_text"].notna(), None)
    )


def as_repeated(values: pd.Series) -> pd.Series:
    """Return strings as a categorical, also where all of them are missing."""
    texts = values.astype("str")
    return texts.astype(pd.CategoricalDtype(pd.Index(texts.dropna().unique(), dtype="str")))


def check_reference(run_id: str, turns: pd.DataFrame, reference: Reference) -> Iterator[Note]:
    """Yield the notes on a run whose user texts, or turns, are not those of its reference.

    A difference on most turns is a warning: then this is hardly the reference of the run.
    """
    asked = dict(zip(turns["turn"].tolist(), turns["user_text"].tolist(), strict=True))
    shared = [turn for turn, text in asked.items() if turn in reference.turns and text.strip()]
    differing = [turn for turn in shared if _differ(asked[turn], reference.turns[turn].input)]
    if differing:
        what = f"user_text differs from the input of {reference.source} at {_turns(differing)}"
        if 2 * len(differing) > len(shared):
            yield Note("warning", run_id, f"{what}: check that this is the reference of the benchmark")
        else:
            yield Note("info", run_id, what)
    if unknown := [turn for turn in asked if turn not in reference.turns]:
        yield Note("warning", run_id, f"{_turns(unknown)} judged but not in the reference {reference.source}")


def _differ(text: str, expected: str) -> bool:
    return bool(expected.strip()) and text.split() != expected.split()


def _turns(turns: list[int]) -> str:
    shown = ", ".join(map(str, turns[:_SHOWN]))
    rest = f" and {len(turns) - _SHOWN} more" if len(turns) > _SHOWN else ""
    return f"turn{'s' * (len(turns) > 1)} {shown}{rest}"
