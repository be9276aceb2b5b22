"""Check the calls of every turn against the expected ones: made, missing, early, late, wrong, or expected by nobody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from pipeline.stages.arguments import difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

Status = Literal["made", "missing", "early", "late", "wrong", "unexpected"]

ARG_MISMATCH: Final = "ARG_MISMATCH"
UNEXPECTED_TOOL_CALL: Final = "UNEXPECTED_TOOL_CALL"
_SAID: Final = rf"{ARG_MISMATCH}|{UNEXPECTED_TOOL_CALL}"
"""How the harness marks the result of a call that was not the expected one."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call by its name and arguments."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TurnCalls:
    """The calls of one turn: those expected and those made."""

    turn: int
    expected: tuple[Call, ...]
    made: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """One expected or made call, and what came of it."""

    name: str
    status: Status
    arguments: tuple[dict[str, Any], ...] = ()
    """The arguments that differ, each as `{name, expected, actual, difference}`."""
    turn: int | None = None
    """The turn on which an early or late call was made, or on which an unexpected one was expected."""

    def as_object(self) -> dict[str, Any]:
        """Return the call as `call_check` contains it; `turn` only where there is one."""
        found = {"name": self.name, "status": self.status, "arguments": list(self.arguments)}
        return found if self.turn is None else found | {"turn": self.turn}


# --- The stage -------------------------------------------------------------------------------------------------


def add_call_check(turns: pd.DataFrame, independent: Collection[str] = ()) -> pd.DataFrame:
    """Add `call_check` (JSON text): one row per run x turn; missing where nothing is known to be expected.

    `turns` has `run_id`, `turn`, `expected_calls`, `oracle_continuation`, `tool_calls` and `tool_results` (JSON text),
    every run whole. What is expected is the reference's, else the oracle's, else what the tool results say of it.
    In the `independent` runs each turn stands alone: a call is never early or late.
    """
    expected = turns["expected_calls"].astype("str").where(turns["expected_calls"].notna(), _of_oracle(turns))
    said = turns["tool_results"].str.contains(_SAID) & expected.isna()
    known = expected.notna()
    found = pd.Series(None, turns.index, dtype="object")
    for run_id, of_run in turns.assign(expected_calls=expected)[known | said].groupby(
        "run_id", sort=False, observed=True
    ):
        run = turns.loc[turns["run_id"].eq(run_id)].assign(expected_calls=expected)
        checks = check_calls(_turn_calls(run), independent=str(run_id) in independent)
        by_index = dict(zip(run.index, checks, strict=True))
        by_index |= {index: _said_of(text) for index, text in of_run.loc[said, "tool_results"].items()}
        found.update(pd.Series({index: _as_json(by_index[index]) for index in of_run.index}, dtype="object"))
    texts = found.astype("str").where(found.notna())
    return turns.assign(call_check=texts.astype(pd.CategoricalDtype(pd.Index(texts.dropna().unique(), dtype="str"))))


def _of_oracle(turns: pd.DataFrame) -> pd.Series:
    """Return the expected calls that the harness continued with, as JSON text; missing where there are none."""
    texts = turns["oracle_continuation"]
    calls = {index: _oracle_calls(text) for index, text in texts.dropna().items()}
    return pd.Series(calls, turns.index, dtype="str") if calls else pd.Series(None, turns.index, dtype="str")


def _oracle_calls(text: str) -> str | None:
    oracle = _decoded(text)
    calls = oracle.get("oracle_tool_calls") if isinstance(oracle, dict) else None
    return json.dumps(calls) if isinstance(calls, list) else None


def _turn_calls(run: pd.DataFrame) -> list[TurnCalls]:
    columns = (run[name] for name in ("turn", "expected_calls", "tool_calls"))
    return [
        TurnCalls(turn, tuple(calls_of(expected) if isinstance(expected, str) else ()), tuple(calls_of(made)))
        for turn, expected, made in zip(*columns, strict=True)
    ]


def calls_of(text: str) -> Iterator[Call]:
    """Yield the calls in the JSON text of a turn's calls, whatever else it holds."""
    value = _decoded(text)
    for call in value if isinstance(value, list) else [value]:
        if isinstance(call, dict):
            function = call.get("function")
            inner = function if isinstance(function, dict) else call
            if isinstance(name := inner.get("name"), str):
                yield Call(name, _arguments(inner.get("args", inner.get("arguments"))))


def _decoded(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON text; null for one that is nested too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _arguments(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {"": value}
    return value if isinstance(value, dict) else {}


def _said_of(text: str) -> list[CheckedCall]:
    try:
        return list(_said(_decoded(text)))
    except RecursionError:
        return []


def _said(results: Any) -> Iterator[CheckedCall]:  # noqa: ANN401 - any JSON value
    """Yield what tool results say of their calls: that an argument differs, or that nobody expected the call."""
    for result in results if isinstance(results, list) else [results]:
        for found in _objects(result):
            called = str(found.get("called_function") or (result.get("name") if isinstance(result, dict) else ""))
            if found.get("error_code") == ARG_MISMATCH:
                yield CheckedCall(called, "wrong")
            elif found.get("error_code") == UNEXPECTED_TOOL_CALL:
                if expected := found.get("expected_function"):
                    yield CheckedCall(str(expected), "missing")
                yield CheckedCall(called, "unexpected")


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Yield the objects inside a JSON value, the value itself first."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _objects(inner)


def _as_json(calls: Iterable[CheckedCall]) -> str:
    return json.dumps([call.as_object() for call in calls], ensure_ascii=False, separators=(",", ":"))


# --- The check of one run --------------------------------------------------------------------------------------

_Place = tuple[int, int]
"""The position of a turn in its run, and of a call in its turn."""


def check_calls(turns: Sequence[TurnCalls], *, independent: bool = False) -> list[list[CheckedCall]]:
    """Return the checked calls of each turn of a run, in the order of `turns`: expected ones first.

    With `independent` turns a call is never early or late.
    """
    pairs = [_pairs(turn) for turn in turns]
    missing = [(n, e) for n, turn in enumerate(turns) for e in range(len(turn.expected)) if e not in pairs[n]]
    spare = [(n, m) for n, turn in enumerate(turns) for m in range(len(turn.made)) if m not in pairs[n].values()]
    moved = {} if independent else _made_elsewhere(turns, missing, spare)
    expected_at = {made: expected for expected, made in moved.items()}
    checked: list[list[CheckedCall]] = []
    for n, turn in enumerate(turns):
        found = [
            _checked(call, turn.made[pairs[n][e]]) if e in pairs[n] else _missing(call, n, moved.get((n, e)), turns)
            for e, call in enumerate(turn.expected)
        ]
        for m, call in enumerate(turn.made):
            if (n, m) in spare:
                place = expected_at.get((n, m))
                found.append(CheckedCall(call.name, "unexpected", turn=place and turns[place[0]].turn))
        checked.append(found)
    return checked


def _pairs(turn: TurnCalls) -> dict[int, int]:
    """Return which made call answers which expected one of the same name: those that differ least first."""
    candidates = sorted(
        (_distance(call, made), e, m)
        for e, call in enumerate(turn.expected)
        for m, made in enumerate(turn.made)
        if call.name == made.name
    )
    pairs: dict[int, int] = {}
    for _, e, m in candidates:
        if e not in pairs and m not in pairs.values():
            pairs[e] = m
    return pairs


def _made_elsewhere(
    turns: Sequence[TurnCalls], missing: Sequence[_Place], spare: Sequence[_Place]
) -> dict[_Place, _Place]:
    """Return where each missing call was made instead, if it was: on the nearest turn, with the same arguments."""
    moved: dict[_Place, _Place] = {}
    for n, e in missing:
        call = turns[n].expected[e]
        others = [(abs(t - n), (t, m)) for t, m in spare if t != n and (t, m) not in moved.values()]
        for _, (t, m) in sorted(others):
            made = turns[t].made[m]
            if made.name == call.name and not _distance(call, made)[0]:
                moved[n, e] = t, m
                break
    return moved


def _missing(call: Call, n: int, place: _Place | None, turns: Sequence[TurnCalls]) -> CheckedCall:
    if place is None:
        return CheckedCall(call.name, "missing")
    arguments = argument_differences(call.args, turns[place[0]].made[place[1]].args)
    return CheckedCall(call.name, "early" if place[0] < n else "late", arguments, turns[place[0]].turn)


def _checked(call: Call, made: Call) -> CheckedCall:
    arguments = argument_differences(call.args, made.args)
    wrong = any(argument["difference"] == "value" for argument in arguments)
    return CheckedCall(call.name, "wrong" if wrong else "made", arguments)


def _distance(call: Call, made: Call) -> tuple[int, int]:
    """Return how many arguments differ in value, and how many in format only."""
    kinds = [argument["difference"] for argument in argument_differences(call.args, made.args)]
    return kinds.count("value"), kinds.count("format")


def argument_differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the arguments that differ, expected ones first; one that is absent counts as null."""
    found = []
    for name in dict.fromkeys([*expected, *actual]):
        one, other = expected.get(name), actual.get(name)
        if kind := difference(one, other):
            found.append({"name": name, "expected": one, "actual": other, "difference": kind})
    return tuple(found)
