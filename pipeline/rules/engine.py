"""Apply rules to failed rows: the first rule that holds gives the mode, its id and its evidence."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.judged import NO_PAYLOAD
from pipeline.rules.clauses import Clauses, blaming_clauses

if TYPE_CHECKING:
    from pipeline.rules.ruleset import Rule, RuleSet

NO_RULE: Final = "no-rule"
"""The id that stands where no rule held; the mode is then `other`."""
_NO_EVIDENCE: Final = "no rule held"
_EVIDENCE_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Verdicts:
    """For each failed row, in order: the mode, the id of the rule that decided, and what it saw."""

    modes: list[str]
    rules: list[str]
    evidence: list[str]


def apply_rules(failures: pa.Table, rules: RuleSet) -> Verdicts:
    """Label failed rows (columns of the turns table, with texts) by the first rule that holds for each."""
    n = len(failures)
    verdicts = Verdicts([c.OTHER] * n, [NO_RULE] * n, [_NO_EVIDENCE] * n)
    signals = _Signals(failures)
    undecided = np.ones(n, dtype=bool)
    for rule in rules.rules:
        candidates = undecided & signals.structure(rule)
        if not candidates.any():
            continue
        for row, evidence in _found(rule, candidates, signals):
            undecided[row] = False
            verdicts.modes[row] = rule.mode
            verdicts.rules[row] = rule.id
            verdicts.evidence[row] = evidence
    return verdicts


class _Signals:
    """What rules look at, computed once for all rows: shape, dimensions, calls, and the texts."""

    def __init__(self, failures: pa.Table) -> None:
        self._rows = len(failures)
        self._texts = {name: failures[name].combine_chunks() for name in c.TEXTS}
        self._kinds = np.array(as_list(failures[c.RESPONSE_KIND]), dtype=object)
        self.failed: list[list[str]] = as_list(failures[c.FAILED_DIMENSIONS])
        self._failed_count = np.fromiter(map(len, self.failed), dtype=np.int64, count=self._rows)
        self._failed_in: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(self._rows, dtype=np.int64))
        for row, names in enumerate(self.failed):
            for name in names:
                self._failed_in[name][row] = 1
        self._called = ~np.asarray(pc.match_substring_regex(self._texts[c.TOOL_CALLS], NO_PAYLOAD))
        self._reasoning = blaming_clauses(self._texts[c.JUDGE_REASONING])

    def structure(self, rule: Rule) -> np.ndarray:
        """Tell for which rows the conditions hold that need no text."""
        tests = []
        if rule.response_kind:
            tests.append(np.isin(self._kinds, rule.response_kind))
        if rule.tool_calls is not None:
            tests.append(self._called if rule.tool_calls == "some" else ~self._called)
        if rule.failed_any:
            tests.append(self._failed_among(rule.failed_any) > 0)
        if rule.failed_only:
            tests.append(self._failed_among(rule.failed_only) == self._failed_count)
        return reduce(np.logical_and, tests, np.ones(self._rows, dtype=bool))

    def _failed_among(self, names: tuple[str, ...]) -> np.ndarray:
        """Count per row how many of the named dimensions failed."""
        nothing = np.zeros(self._rows, dtype=np.int64)
        return sum((self._failed_in[name] for name in set(names) if name in self._failed_in), nothing)

    def kind(self, row: int) -> str:
        return str(self._kinds[row])

    def clauses(self, field: str, rows: np.ndarray) -> Clauses:
        """Give what a pattern is tried on: the reasoning's clauses, or another text as a whole."""
        if field == c.JUDGE_REASONING:
            return self._reasoning.of(rows)
        return Clauses(self._texts[field].filter(pa.array(rows)), np.flatnonzero(rows))


def _found(rule: Rule, candidates: np.ndarray, signals: _Signals) -> list[tuple[int, str]]:
    """List the rows for which the rule holds, each with its evidence."""
    if rule.pattern is None:
        return [(row, _structural_evidence(rule, row, signals)) for row in np.flatnonzero(candidates).tolist()]
    clauses = signals.clauses(rule.look_in, candidates)
    hits = pc.match_substring_regex(clauses.texts, rule.pattern, ignore_case=True)
    if rule.unless is not None and hits.true_count:
        hits = pc.and_not(hits, pc.match_substring_regex(clauses.texts, rule.unless, ignore_case=True))
    if not hits.true_count:
        return []
    rows, first = np.unique(clauses.row[np.asarray(hits)], return_index=True)
    words = pc.extract_regex(clauses.texts.filter(hits).take(pa.array(first)), f"(?i)(?P<evidence>{rule.pattern})")
    evidence = words.field(0).to_pylist()
    return [(row, words[:_EVIDENCE_LENGTH]) for row, words in zip(rows.tolist(), evidence, strict=True)]


def _structural_evidence(rule: Rule, row: int, signals: _Signals) -> str:
    parts = []
    if rule.response_kind:
        parts.append(f"response_kind: {signals.kind(row)}")
    if rule.tool_calls is not None:
        parts.append(f"tool_calls: {rule.tool_calls}")
    if rule.failed_any or rule.failed_only:
        parts.append(f"failed: {', '.join(signals.failed[row])}")
    return "; ".join(parts)
