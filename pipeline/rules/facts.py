"""What a failed row itself shows, without the judge: its dimensions, and its calls beside the expected ones."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from pipeline.rules.builtin_files import read_builtin

CALL_FACTS: Final = {
    "made": "an expected call was made",
    "missing": "an expected call was not made",
    "elsewhere": "an expected call was made on an earlier or a later turn",
    "wrong": "an expected call was made, and an argument differs in value",
    "unexpected": "a call was made that the turn does not expect",
    "format-only": "every expected call was made, and arguments differ in format only",
}
"""What the check of the calls against the reference can find, and what it means."""
_FACT_OF: Final = {"early": "elsewhere", "late": "elsewhere"}


@lru_cache(maxsize=1 << 14)
def modes_of_dimension(name: str) -> str | None:
    """Return the one mode that a dimension stands for by the dimension table, or `None`."""
    found = {mode for mode, pattern in _dimensions().items() if pattern.search(name)}
    return found.pop() if len(found) == 1 else None


@cache
def _dimensions() -> dict[str, re.Pattern[str]]:
    table = read_builtin("dimensions.toml")
    return {mode: re.compile(entry["pattern"], re.IGNORECASE) for mode, entry in table.items()}


def call_facts(check: str | None) -> dict[str, str]:
    """Return what a row's `call_check` (JSON text) found, with a sentence on the first call of each kind."""
    if not check:
        return {}
    calls: list[dict[str, Any]] = msgspec.json.decode(check)
    found: dict[str, str] = {}
    for call in calls:
        fact = _FACT_OF.get(call["status"], call["status"])
        found.setdefault(fact, _sentence(fact, call))
    formats = [call for call in calls if _differences(call, "format")]
    if formats and set(found) == {"made"}:
        found["format-only"] = _sentence("format-only", formats[0])
    return found


def _sentence(fact: str, call: dict[str, Any]) -> str:
    """Return what is to say about one call."""
    name = f"`{call['name']}`"
    differing = next(iter(_differences(call, "value") or _differences(call, "format")), None)
    if fact == "missing":
        return f"no call to {name}, which the reference expects"
    if fact == "elsewhere":
        return f"{name} was called {call['status']}, by the reference"
    if fact == "unexpected":
        return f"a call to {name}, which the reference does not expect"
    if differing is None:
        return f"{name} was called as the reference expects"
    what = f"`{differing['name']}` of {name} is {_short(differing['actual'])}"
    return f"{what}, the reference expects {_short(differing['expected'])}"


def _differences(call: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [argument for argument in call.get("arguments", ()) if argument.get("difference") == kind]


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 - what a line of evidence has room for
