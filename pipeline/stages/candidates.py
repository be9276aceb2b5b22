"""Candidates for a wrong verdict: rows whose calls, or whose tool results, speak against the judge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT_ONLY: Final = "failed, but every expected call was made and arguments differ in format only"
MISSING: Final = "passed, but an expected call is missing"
CONTRADICTS: Final = "passed, but the response contradicts the result of its tool"

_ERROR: Final = (
    r'"error(?:_code|_message)?":\s*(?:"[^"]|\{\s*"|true)'
    r'|"(?:status|result|outcome|state)":\s*"(?:[^"]*err|fail|invalid|reject|denied|declined|not[_ ]found|time[d_ ]*out'
    r'|unavailable)|"(?:ok|success|successful)":\s*false'
)
_MAYBE_ERROR: Final = r"err|fail|invalid|reject|denied|declined|not.found|time|unavailable|false"
_MAYBE_UNDONE: Final = r"able to|could ?n.t|could not|can ?not|can.t|did ?n.t|did not|went wrong"
"""Plain words that every match of `_ERROR` and of `_UNDONE` has: searched first, since they are found much faster."""
_DID: Final = (
    r"(?:booked|reported|moved|sent|updated|changed|cancell?ed|scheduled|reserved|submitted|registered|placed|ordered"
    r"|added|removed|saved|filed|logged|set up|taken care of|confirmed|on its way|done)"
)
_DONE: Final = (
    rf"\bi(?:.ve| have)?\s+(?:just |now |already |also )?{_DID}\b"
    rf"|\b(?:is|are|has been|have been)\s+(?:now |all |already )?{_DID}\b|^\s*(?:all )?{_DID}\b"
)
_DOUBT: Final = (
    r"\b(?:sorry|apologi|unfortunately|can ?not|could not|did not|was not|is not|has not|unable|error|fail|problem"
    r"|trouble|try again|not available|unavailable|down)|n.t\b"
)
_SUCCESS: Final = (
    r'"(?:status|result|outcome|state)":\s*"(?:ok|success\w*|done|completed?)"'
    r'|"(?:ok|success|successful)":\s*true'
)
_ACT: Final = (
    r"(?:report|book|move|send|do|update|change|cancel|reserve|complete|place|submit|register|schedule|add|file)"
)
_UNDONE: Final = (
    rf"\b(?:(?:not|wasn.t) able|unable) to {_ACT}\b|\bi (?:could ?n.t|could not|can ?not|can.t) {_ACT}\b"
    r"|\b(?:did ?n.t|did not) (?:work|go through)\b|\bsomething went wrong\b"
)


def verdict_candidates(turns: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose verdict may be wrong, with why: one row per such row of `turns`.

    `turns` has `judged`, `failed`, `failed_dimensions`, `response_kind`, `call_check`, `assistant_text` and
    `tool_results` (JSON text).
    """
    passed = turns["judged"] & ~turns["failed"]
    checked = turns["call_check"].astype("str")
    known = {text: json.loads(text) for text in checked.dropna().unique()}
    format_only = {text for text, calls in known.items() if _format_only(calls)}
    missing = {text for text, calls in known.items() if any(call["status"] == "missing" for call in calls)}
    contradicting = [*_claimed(turns[passed]), *_denied(turns[passed])]
    reason = pd.Series(None, turns.index, dtype="object").case_when(
        [
            (turns["failed"] & checked.isin(format_only), FORMAT_ONLY),
            (passed & checked.isin(missing), MISSING),
            (turns.index.isin(contradicting), CONTRADICTS),
        ]
    )
    rows = turns.assign(reason=reason.astype(pd.CategoricalDtype([FORMAT_ONLY, MISSING, CONTRADICTS])))
    return schema.conform(rows.loc[reason.notna(), list(schema.VERDICT_CANDIDATES)], schema.VERDICT_CANDIDATES)


def _claimed(turns: pd.DataFrame) -> pd.Index:
    """Return the rows that say that something is done although a tool returned an error."""
    failing = turns[turns["tool_results"].str.contains(_MAYBE_ERROR, case=False)]
    text = failing.loc[failing["tool_results"].str.contains(_ERROR, case=False), "assistant_text"]
    return text.index[text.str.contains(_DONE, case=False) & ~text.str.contains(_DOUBT, case=False)]


def _denied(turns: pd.DataFrame) -> pd.Index:
    """Return the rows that say that something could not be done although every tool succeeded."""
    denying = turns[turns["assistant_text"].str.contains(_MAYBE_UNDONE, case=False)]
    results = denying.loc[denying["assistant_text"].str.contains(_UNDONE, case=False), "tool_results"]
    return results.index[results.str.contains(_SUCCESS, case=False) & ~results.str.contains(_ERROR, case=False)]


def _format_only(calls: Iterable[dict[str, Any]]) -> bool:
    """Whether all calls were made and some argument differs, in format only."""
    listed = list(calls)
    differences = [argument["difference"] for call in listed for argument in call["arguments"]]
    return bool(differences) and all(call["status"] == "made" for call in listed) and set(differences) == {"format"}
