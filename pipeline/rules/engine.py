"""Apply rules to failed rows: weigh what speaks for and against each mode, and keep what decided.

A mode's total is its start plus, for every rule that holds, the rule's weight for it times the share that the
clause counts for (`scope.py`). The greatest total wins; with equal totals the codebook's order. A mode for which
no rule speaks is out of the question, and a row for which none speaks is `other`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.rules.reasons import Reasons
from pipeline.rules.signals import Signals, known_signals

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.rules.ruleset import Rule, RuleSet

NO_RULE: Final = "no-rule"
"""The id that stands where no rule held; the mode is then `other`."""
_NO_EVIDENCE: Final = "no rule held"
_EVIDENCE_LENGTH: Final = 200
_EVIDENCE_PARTS: Final = 2
_OTHER: Final = c.ERROR_MODES.index(c.OTHER)


class Holding(NamedTuple):
    """Where a rule holds: rows, the share of its weight that counts in each, and what says so."""

    rows: np.ndarray
    share: np.ndarray
    clause: np.ndarray | None = None
    """The clause that says it; None if none does."""
    matched: list[str] | None = None
    """The words that a pattern matched."""


class Verdicts(NamedTuple):
    """For each failed row, in order: the mode, the rule that weighed most, what it saw, and the next mode."""

    modes: list[str]
    rules: list[str]
    evidence: list[str]
    runners_up: list[str | None]


class Weighing:
    """All that rules find in failed rows."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, rules: RuleSet, excluded: Collection[str] = ()) -> None:
        """Read the rows of `turns` (the turns table with texts and `scores`, whole runs) that `failed` flags.

        `excluded` dimensions take no part.
        """
        self.rules = rules.rules
        self._signals = Signals(turns, failed, excluded)
        self._rows = len(self._signals)
        self._places: dict[int, dict[int, int]] = {}
        self.holdings = [self._find(rule) for rule in self.rules]
        self.weights = np.array([[rule.weights.get(mode, 0.0) for mode in c.ERROR_MODES] for rule in self.rules])
        self.weights = self.weights.reshape(len(self.rules), len(c.ERROR_MODES))
        self.shares = np.zeros((self._rows, len(self.rules)))
        """What share of each rule's weight counts in each row."""
        for number, holding in enumerate(self.holdings):
            self.shares[holding.rows, number] = holding.share
        self.start = np.array([rules.start.get(mode, 0.0) for mode in c.ERROR_MODES])
        self.totals = self.start + self.shares @ self.weights
        self.supported = (self.shares @ np.maximum(self.weights, 0.0)) > 0

    @cached_property
    def reasons(self) -> Reasons:
        """The reasoning, read when a rule first looks at it."""
        rows = self._signals.rows
        return Reasons(rows.text(c.JUDGE_REASONING), rows.failed_dimensions, rows.other_dimensions)

    def verdicts(self) -> Verdicts:
        """Name each row's mode, and why."""
        ranked = np.where(self.supported, self.totals, -np.inf)
        ranked[~self.supported.any(axis=1), _OTHER] = 0.0
        order = np.argsort(-ranked, axis=1, kind="stable")
        best = order[:, 0] if self._rows else np.zeros(0, dtype=np.int64)
        next_best = np.where(ranked[np.arange(self._rows), order[:, 1]] > -np.inf, order[:, 1], -1)
        modes = [c.ERROR_MODES[mode] for mode in best.tolist()]
        runners_up = [c.ERROR_MODES[mode] if mode >= 0 else None for mode in next_best.tolist()]
        strongest = self._strongest(best)
        ids = [self.rules[found[0]].id if found else NO_RULE for found in strongest]
        verdicts = Verdicts(modes, ids, [self._evidence(row, found) for row, found in enumerate(strongest)], runners_up)
        self._decide(verdicts)
        return verdicts

    def _strongest(self, best: np.ndarray) -> list[list[int]]:
        """Give per row the numbers of the rules that weigh most for its mode, the weightiest first."""
        if not self.rules:
            return [[] for _ in range(self._rows)]
        spoken = self.shares * np.maximum(self.weights.T, 0.0)[best]
        columns = []
        for _ in range(min(_EVIDENCE_PARTS, len(self.rules))):
            top = spoken.argmax(axis=1)
            columns.append(np.where(np.take_along_axis(spoken, top[:, None], axis=1)[:, 0] > 0, top, -1))
            np.put_along_axis(spoken, top[:, None], 0.0, axis=1)
        return [[number for number in row if number >= 0] for row in zip(*(c.tolist() for c in columns), strict=True)]

    def _decide(self, verdicts: Verdicts) -> None:
        """Let the rules without weights settle the rows where they hold; the first one does."""
        undecided = np.ones(self._rows, dtype=bool)
        for number, (rule, holding) in enumerate(zip(self.rules, self.holdings, strict=True)):
            if not rule.decides:
                continue
            for row in holding.rows[undecided[holding.rows]].tolist():
                undecided[row] = False
                if verdicts.rules[row] != NO_RULE and verdicts.modes[row] != rule.mode:
                    verdicts.runners_up[row] = verdicts.modes[row]
                verdicts.modes[row] = rule.mode
                verdicts.rules[row] = rule.id
                verdicts.evidence[row] = self._evidence(row, [number])

    def _evidence(self, row: int, numbers: list[int]) -> str:
        """Say what the rules saw in a row: the clauses in which the judge says so, and the signals."""
        return "; ".join(dict.fromkeys(self.seen(row, number) for number in numbers))[:_EVIDENCE_LENGTH] or _NO_EVIDENCE

    def seen(self, row: int, number: int) -> str:
        """Say what a rule saw in a row where it holds."""
        rule, holding = self.rules[number], self.holdings[number]
        if holding.clause is None and holding.matched is None:
            return self._described[number] if not rule.failed_any else self._with_dimensions(row, rule)
        place = self._place(number, row)
        words = None if holding.matched is None else holding.matched[place]
        if holding.clause is None:
            return words or ""
        clause = self.reasons.clause(int(holding.clause[place]))
        return words if words and words in clause else clause  # a pattern may have matched across a quotation

    def _place(self, number: int, row: int) -> int:
        """Tell where a row stands in the holding of a rule."""
        if number not in self._places:
            rows = self.holdings[number].rows.tolist()
            self._places[number] = dict(zip(rows, range(len(rows)), strict=True))
        return self._places[number][row]

    @cached_property
    def _described(self) -> list[str]:
        return [describe(rule) for rule in self.rules]

    def _with_dimensions(self, row: int, rule: Rule) -> str:
        failed = ", ".join(self._signals.rows.failed_dimensions[row])
        return "; ".join(part for part in (describe(rule), f"failed: {failed}") if part)

    def _find(self, rule: Rule) -> Holding:
        """Find where a rule holds."""
        allowed = self._structure(rule)
        if rule.says:
            text, weight, clause = self.reasons.saying(rule.says, rule.unless_says)
            kept = allowed[text]
            return Holding(text[kept], weight[kept], clause=clause[kept])
        if rule.pattern is None:
            rows = np.flatnonzero(allowed)
            return Holding(rows, np.ones(len(rows)))
        return self._matching(rule, rule.pattern, allowed)

    def _matching(self, rule: Rule, pattern: str, allowed: np.ndarray) -> Holding:
        if rule.look_in == c.JUDGE_REASONING:
            text, weight, clause = self.reasons.matching(pattern, rule.unless)
            source = self.reasons.blaming.take(pa.array(clause))
            kept = allowed[text]
            words = _matched(source.filter(pa.array(kept)), pattern)
            return Holding(text[kept], weight[kept], clause[kept], words)
        whole = self._signals.rows.text(rule.look_in)
        hits = pc.match_substring_regex(whole, pattern, ignore_case=True)
        if rule.unless is not None:
            hits = pc.and_not(hits, pc.match_substring_regex(whole, rule.unless, ignore_case=True))
        text = np.flatnonzero(np.asarray(hits) & allowed)
        return Holding(text, np.ones(len(text)), matched=_matched(whole.take(pa.array(text)), pattern))

    def _structure(self, rule: Rule) -> np.ndarray:
        """Tell for which rows the conditions hold that need no words of the judge."""
        rows = self._signals.rows
        allowed = np.ones(self._rows, dtype=bool)
        for name in rule.signals:
            allowed &= self._signals[name]
        for name in rule.no_signals:
            allowed &= ~self._signals[name]
        if rule.response_kind:
            allowed &= np.isin(rows.kinds, rule.response_kind)
        if rule.tool_calls is not None:
            allowed &= rows.called if rule.tool_calls == "some" else ~rows.called
        if rule.failed_any:
            names = set(rule.failed_any)
            allowed &= np.array([not names.isdisjoint(failed) for failed in rows.failed_dimensions], dtype=bool)
        if rule.failed_only:
            names = set(rule.failed_only)
            allowed &= np.array([names.issuperset(failed) for failed in rows.failed_dimensions], dtype=bool)
        return allowed


def _matched(texts: pa.Array, pattern: str) -> list[str]:
    """Give the words of each text that a pattern matched."""
    words: list[str] = pc.extract_regex(texts, f"(?i)(?P<evidence>{pattern})").field(0).to_pylist()
    return words


def describe(rule: Rule) -> str:
    """Say in words what a rule asks for besides words of the judge."""
    meanings = known_signals()
    parts = [meanings[name] for name in rule.signals]
    parts += [f"not: {meanings[name]}" for name in rule.no_signals]
    parts += [f"response_kind: {' or '.join(rule.response_kind)}"] if rule.response_kind else []
    parts += [f"tool_calls: {rule.tool_calls}"] if rule.tool_calls else []
    parts += [f"nothing failed but: {', '.join(rule.failed_only)}"] if rule.failed_only else []
    return "; ".join(parts)
