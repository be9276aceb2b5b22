"""The calls of a row beside the expected ones, in words, for every place that shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ShownCall(NamedTuple):
    """A line of the table: the call, what came of it, and how its arguments differ."""

    name: str
    status: str
    arguments: str


def checked_calls(call_check: Iterable[Mapping[str, Any]] | None) -> list[ShownCall]:
    """Return the calls of `call_check` in words."""
    return [
        ShownCall(call["name"], _status(call), "; ".join(map(_argument, call["arguments"])))
        for call in call_check or ()
    ]


def call_words(call_check: Iterable[Mapping[str, Any]] | None) -> str:
    """Return the calls of `call_check` in one line."""
    return "; ".join(
        f"{call.name} {call.status}" + (f" ({call.arguments})" if call.arguments else "")
        for call in checked_calls(call_check)
    )


def _status(call: Mapping[str, Any]) -> str:
    if call.get("turn") is None:
        return str(call["status"])
    where = "expected on" if call["status"] == "unexpected" else "made on"
    return f"{call['status']} ({where} turn {call['turn']})"


def _argument(argument: Mapping[str, Any]) -> str:
    expected, actual = (json.dumps(argument[name], ensure_ascii=False) for name in ("expected", "actual"))
    kind = "only the format differs" if argument["difference"] == "format" else "the value differs"
    return f"{argument['name']}: expected {expected}, got {actual}, {kind}"
