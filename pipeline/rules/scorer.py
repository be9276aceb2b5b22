"""Score the error modes of failed rows by rules, and record which rules decided.

A mode's score is its start plus, for every rule that matches, the rule's weight for it times the weight of the
clause that matched (`negation.py`). The greatest score wins; of equal scores, the first mode in the codebook's
order. A mode for which no rule counts is no candidate, and a row without candidates is `other`.

A row's result does not depend on the rows that are scored with it: scores are summed rule by rule, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.rules.reasoning import Reasoning
from pipeline.rules.signals import Signals, known_signals

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.rules.ruleset import Rule, RuleSet

NO_RULE: Final = "no-rule"
"""The rule id of a row that no rule matches; its mode is `other`."""
_NO_EVIDENCE: Final = "no rule held"
_EVIDENCE_LENGTH: Final = 200
_EVIDENCE_PARTS: Final = 2
_OTHER: Final = schema.ERROR_MODES.index(schema.OTHER)
_DIGITS: Final = 6
"""Scores are rounded to so many digits, so that equal sums tie although floating-point additions differ."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rows that a rule matches, in order; every array has one entry per row."""

    rows: np.ndarray
    strength: np.ndarray
    """The factor by which the rule's weight counts: the weight of the clause, 1 where no clause matched."""
    clause: np.ndarray | None = None
    """The clause that matched; None for a rule that looks at no clause."""
    matched: list[str] | None = None
    """The words that a regular expression matched; None for a rule without one."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Per failed row, in order: the mode, the rule that counted most, its evidence, and the next best mode."""

    modes: list[str]
    rules: list[str]
    evidence: list[str]
    runners_up: list[str | None]


class Scorer:
    """The matches of rules in failed rows, and the scores of the modes."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, rules: RuleSet, excluded: Collection[str] = ()) -> None:
        """Match every rule against the rows of `turns` that `failed` flags.

        `turns` has one row per run x turn, with every turn of each run: `run_id`, `turn`, `response_kind`,
        `failed_dimensions`, the texts of `schema.TEXTS`, and `scores` as JSON text on failed rows. `excluded`
        dimensions are ignored.
        """
        self.rules = rules.rules
        self._signals = Signals(turns, failed, excluded)
        self._rows = len(self._signals)
        self.matches = [self._match(rule) for rule in self.rules]
        self.weights = np.array([[rule.weights.get(mode, 0.0) for mode in schema.ERROR_MODES] for rule in self.rules])
        self.weights = self.weights.reshape(len(self.rules), len(schema.ERROR_MODES))
        """Rules x modes."""
        self.start = np.array([rules.start.get(mode, 0.0) for mode in schema.ERROR_MODES])
        self.strengths = np.zeros((self._rows, len(self.rules)))
        """Rows x rules: the strength of the match, 0 where the rule does not match."""
        self._indices = np.zeros(self.strengths.shape, dtype=np.int32)
        """Rows x rules: the row's index in the match of the rule."""
        self.scores = np.tile(self.start, (self._rows, 1))
        """Rows x modes."""
        self.candidates = np.zeros(self.scores.shape, dtype=bool)
        """Rows x modes: whether a rule counts for the mode."""
        for number, match in enumerate(self.matches):
            self.strengths[match.rows, number] = match.strength
            self._indices[match.rows, number] = np.arange(len(match.rows))
            # Not as a matrix product: BLAS adds in an order that depends on the number of rows.
            counted = np.flatnonzero(self.weights[number])
            self.scores[np.ix_(match.rows, counted)] += np.outer(match.strength, self.weights[number, counted])
            self.candidates[np.ix_(match.rows, np.flatnonzero(self.weights[number] > 0))] = True
        self.scores = np.round(self.scores, _DIGITS)

    @cached_property
    def _reasoning(self) -> Reasoning:
        rows = self._signals.rows
        return Reasoning(rows.text("judge_reasoning"), rows.failed_dimensions, rows.other_dimensions)

    def verdicts(self) -> Verdicts:
        """Return each row's mode, with the reason."""
        ranked = np.where(self.candidates, self.scores, -np.inf)
        ranked[~self.candidates.any(axis=1), _OTHER] = 0.0
        order = np.argsort(-ranked, axis=1, kind="stable")
        best, next_best = order[:, 0], order[:, 1]
        has_next = np.take_along_axis(ranked, order[:, 1:2], axis=1)[:, 0] > -np.inf
        strongest = self._strongest(best)
        verdicts = Verdicts(
            modes=[schema.ERROR_MODES[mode] for mode in best.tolist()],
            rules=[self.rules[numbers[0]].id if numbers else NO_RULE for numbers in strongest],
            evidence=[self._evidence(row, numbers) for row, numbers in enumerate(strongest)],
            runners_up=[
                schema.ERROR_MODES[mode] if some else None
                for mode, some in zip(next_best.tolist(), has_next.tolist(), strict=True)
            ],
        )
        self._decide(verdicts)
        return verdicts

    def _strongest(self, best: np.ndarray) -> list[list[int]]:
        """Return per row the numbers of the rules that count most for its mode, the strongest first."""
        if not self.rules:
            return [[] for _ in range(self._rows)]
        counted = self.strengths * np.maximum(self.weights.T, 0.0)[best]
        columns = []
        for _ in range(min(_EVIDENCE_PARTS, len(self.rules))):
            top = counted.argmax(axis=1)
            columns.append(np.where(np.take_along_axis(counted, top[:, None], axis=1)[:, 0] > 0, top, -1))
            np.put_along_axis(counted, top[:, None], 0.0, axis=1)
        return [[number for number in row if number >= 0] for row in np.stack(columns, axis=1).tolist()]

    def _decide(self, verdicts: Verdicts) -> None:
        """Overwrite the verdicts on rows that a rule without weights matches; the first such rule decides."""
        undecided = np.ones(self._rows, dtype=bool)
        for number, (rule, match) in enumerate(zip(self.rules, self.matches, strict=True)):
            if not rule.decides:
                continue
            for row in match.rows[undecided[match.rows]].tolist():
                undecided[row] = False
                if verdicts.rules[row] != NO_RULE and verdicts.modes[row] != rule.mode:
                    verdicts.runners_up[row] = verdicts.modes[row]
                verdicts.modes[row] = rule.mode
                verdicts.rules[row] = rule.id
                verdicts.evidence[row] = self._evidence(row, [number])

    def _evidence(self, row: int, numbers: list[int]) -> str:
        """Return the evidence of several rules for a row, each piece once."""
        pieces = dict.fromkeys(self.evidence(row, number) for number in numbers)
        return "; ".join(pieces)[:_EVIDENCE_LENGTH] or _NO_EVIDENCE

    def evidence(self, row: int, number: int) -> str:
        """Return what a rule found in a row that it matches: the judge's clause, or the conditions in words."""
        rule, match = self.rules[number], self.matches[number]
        if match.clause is None and match.matched is None:
            return self._described[number] if not rule.failed_any else self._with_dimensions(row, rule)
        index = int(self._indices[row, number])
        words = None if match.matched is None else match.matched[index]
        if match.clause is None:
            return words or ""
        clause = self._reasoning.clause(int(match.clause[index]))
        return words if words and words in clause else clause  # the expression may match across a quotation

    @cached_property
    def _described(self) -> list[str]:
        return [describe(rule) for rule in self.rules]

    def _with_dimensions(self, row: int, rule: Rule) -> str:
        failed = ", ".join(self._signals.rows.failed_dimensions[row])
        return "; ".join(part for part in (describe(rule), f"failed: {failed}") if part)

    def _match(self, rule: Rule) -> Match:
        """Return the rows that a rule matches."""
        allowed = self._without_words(rule)
        if rule.says:
            found = self._reasoning.search_concepts(rule.says, rule.unless_says)
            kept = allowed[found.text]
            return Match(found.text[kept], found.weight[kept], clause=found.clause[kept])
        if rule.pattern is None:
            rows = np.flatnonzero(allowed)
            return Match(rows, np.ones(len(rows)))
        return self._match_regex(rule, rule.pattern, allowed)

    def _match_regex(self, rule: Rule, pattern: str, allowed: np.ndarray) -> Match:
        if rule.look_in == "judge_reasoning":
            found = self._reasoning.search_regex(pattern, rule.unless)
            kept = allowed[found.text]
            clause = found.clause[kept]
            words = _matched(self._reasoning.critical_clauses.take(pa.array(clause)), pattern)
            return Match(found.text[kept], found.weight[kept], clause, words)
        texts = self._signals.rows.text(rule.look_in)
        hits = pc.match_substring_regex(texts, pattern, ignore_case=True)
        if rule.unless is not None:
            hits = pc.and_not(hits, pc.match_substring_regex(texts, rule.unless, ignore_case=True))
        rows = np.flatnonzero(np.asarray(hits) & allowed)
        return Match(rows, np.ones(len(rows)), matched=_matched(texts.take(pa.array(rows)), pattern))

    def _without_words(self, rule: Rule) -> np.ndarray:
        """Return per row whether a rule's conditions hold, those on words aside."""
        rows = self._signals.rows
        allowed = np.ones(self._rows, dtype=bool)
        for name in rule.signals:
            allowed &= self._signals[name]
        for name in rule.no_signals:
            allowed &= ~self._signals[name]
        if rule.response_kind:
            allowed &= np.isin(rows.response_kinds, rule.response_kind)
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
    """Return the words of each text that an expression matches."""
    words: list[str] = pc.extract_regex(texts, f"(?i)(?P<evidence>{pattern})").field(0).to_pylist()
    return words


def describe(rule: Rule) -> str:
    """Return a rule's conditions in words, except those on words of texts and on failed dimensions."""
    meanings = known_signals()
    parts = [meanings[name] for name in rule.signals]
    parts += [f"not: {meanings[name]}" for name in rule.no_signals]
    parts += [f"response_kind: {' or '.join(rule.response_kind)}"] if rule.response_kind else []
    parts += [f"tool_calls: {rule.tool_calls}"] if rule.tool_calls else []
    parts += [f"nothing failed but: {', '.join(rule.failed_only)}"] if rule.failed_only else []
    return "; ".join(parts)
