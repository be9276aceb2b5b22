"""Expected endings: turns on which the model ended the session where it should."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pipeline.load.reference import Reference

_ENDING: Final = re.compile(
    r"(?:^|_)(?:end|close|terminate|hang_?up)_?(?:(?:the|this|current)_?)?(?:session|call|conversation)(?:_now)?$"
)
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def ends_session(name: str, named: Collection[str] = ()) -> bool:
    """Whether a call of this name ends the session: one of `named`, or by its words, such as `end_session`.

    Its words join end, close, hang up or terminate with session, call or conversation.
    """
    return name in named or _ENDING.search("_".join(filter(None, _WORDS.split(name))).lower()) is not None


@dataclass(frozen=True)
class Endings:
    """Where each benchmark expects the session to end."""

    last_turn: Callable[[str], int | None]
    """Returns the last turn of a benchmark; called for benchmarks in which a response may be an expected ending."""
    named: tuple[str, ...] = ()
    """Names of calls that end the session, besides those that say so."""
    expecting: Mapping[str, Collection[int]] = field(default_factory=dict)
    """By benchmark with a reference: the turns on which it expects a call that ends the session."""

    def expected(self, turns: pd.DataFrame) -> pd.Series:
        """Return for each row of `turns` whether the session ended in it as it should.

        Either the reference expects an ending call on the turn; or it is the last turn of the benchmark, an ending call
        was made, and `tool_use_correct` is true. `turns` has `scores` as JSON text.
        """
        found = pd.Series(False, turns.index)  # noqa: FBT003 - what the column holds
        ended = turns[turns["assistant_text"].str.startswith(schema.SENTINELS[schema.ENDED])]
        for row in ended.index:
            found[row] = self._is_expected(ended.loc[row])
        return found

    def _is_expected(self, row: pd.Series) -> bool:
        benchmark = row["benchmark_name"]
        return row["turn"] in self.expecting.get(benchmark, ()) or (
            '"tool_use_correct":true' in row["scores"]
            and any(ends_session(name, self.named) for name in _called(row["tool_calls"]))
            and self.last_turn(benchmark) == row["turn"]
        )


def ending_turns(reference: Reference, named: Collection[str] = ()) -> frozenset[int]:
    """Return the turns on which a reference expects a call that ends the session.

    Where no expected call says by its name that it ends the session, those of the reference's last turn do.
    """
    ending = frozenset(
        turn.turn
        for turn in reference.turns.values()
        if any(ends_session(call.name, named) for call in turn.expected_calls)
    )
    last = max(reference.turns, default=None)
    if ending or last is None or not reference.turns[last].expected_calls:
        return ending
    return frozenset({last})


NO_ENDINGS: Final = Endings(lambda _: None)
"""No ending is expected anywhere."""


def _called(calls: str) -> list[str]:
    """Return the names of calls in their JSON text."""
    try:
        value: Any = msgspec.json.decode(calls)
    except (msgspec.DecodeError, RecursionError):
        return []
    listed = value if isinstance(value, list) else [value]
    return [call["name"] for call in listed if isinstance(call, dict) and isinstance(call.get("name"), str)]
