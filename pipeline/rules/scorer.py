"""Read failed rows: which error mode the judge's sentences speak for, how surely, and which sentence weighed most.

Two readers give each mode a probability: the rules (a mode's score is its start plus, for every rule that matches, the
rule's weight times that of the sentence) and the text model. Their log-probabilities are added, and the greatest sum
wins; of equal sums, the first mode in the codebook's order. What is self-evident decides first (a rule without
weights). Where no rule speaks for the winner, a dimension that failed alone and stands for one mode goes first. A
label is *firm* where shape decides, or where both readers agree: it is the text model's first choice, a rule speaks for
it or its dimension, and to the rules no other mode is more than twice as likely. Else it is *tentative*.

A row's result does not depend on the rows that are read with it: sums are rounded before they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.rules.facts import call_facts, modes_of_dimension
from pipeline.rules.reasoning import split_reasoning
from pipeline.rules.text_model import builtin_model, log_softmax

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.rules.ruleset import Rule, RuleSet

NO_RULE: Final = "no-rule"
"""The rule id of a row for which nothing speaks; its mode is `other`."""
TEXT_MODEL: Final = "text-model"
"""The rule id of a row whose mode comes from the text model alone."""
FAILED_ALONE: Final = "failed-alone"
"""The rule id of a row whose mode is that of the only dimension that failed."""
_NO_EVIDENCE: Final = "no rule matched"
_LONGEST: Final = 400
_NAMED: Final = 1000.0
_LIKELY: Final = 10.0
_FEW: Final = 3
"""What makes a sentence the evidence: the rule that decided, a word of blame, and more than three words."""
_GRADE: Final = r"^\W*(?:(?:final |overall )?(?:rating|score|grade|verdict)\b)?[\W\d]*(?:/|of|out of)?[\W\d]*$"
"""A sentence that is a grade and nothing else is evidence only where there is no other."""
_TEXT_MODEL: Final = -1
_FAILED_ALONE: Final = -2
_OTHER: Final = schema.ERROR_MODES.index(schema.OTHER)
_DIGITS: Final = 6
_TWICE: Final = float(np.log(2))
_NEGATED: Final = (
    r"\b(?:no|not|never|without|nothing|none|neither|nor|free of|rather than|\w+n['’]t)"
    r"(?:[ -]+[\w'’]+){0,3}?[ -]+(?:%s)"
)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Per failed row, in order: the mode, the rule that counted most, the evidence, the runner-up, the confidence."""

    modes: list[str]
    rules: list[str]
    evidence: list[str]
    runners_up: list[str | None]
    confidence: list[str]


@dataclass(frozen=True, slots=True)
class Match:
    """The rows that a rule matches; every array has one entry per match."""

    rows: np.ndarray
    strength: np.ndarray
    sentence: np.ndarray | None = None
    """The sentence that matched, among those of all rows; `None` for a rule that reads no sentence."""
    matched: list[str] | None = None
    """The words that matched, of a rule that looks into another text."""


class Scorer:
    """The matches of rules in failed rows, and the scores of the modes."""

    def __init__(self, rows: pa.Table, rules: RuleSet, excluded: Collection[str] = ()) -> None:
        """Read every failed row.

        `rows` has `response_kind`, `failed_dimensions`, the texts of `schema.TEXTS`, `scores` as JSON text,
        `call_check` where calls were checked, and `text_stored` where some texts were not. `excluded` dimensions are
        ignored.
        """
        self.rules = rules.rules
        self._table = rows
        self._rows = len(rows)
        self._texts = {name: rows[name].cast(pa.large_string()).combine_chunks() for name in schema.TEXTS}
        self._failed = [tuple(names) for names in rows["failed_dimensions"].to_pylist()]
        others = _other_dimensions(rows["scores"], self._failed, excluded)
        reasoning = pc.fill_null(self._texts["judge_reasoning"], "").to_pylist()
        self.sentences = split_reasoning(reasoning, self._failed, others)
        self.matches = [self._match(rule) for rule in self.rules]
        self.weights = np.array([[rule.weights.get(mode, 0.0) for mode in schema.ERROR_MODES] for rule in self.rules])
        self.weights = self.weights.reshape(len(self.rules), len(schema.ERROR_MODES))
        """Rules x modes."""
        self.start = np.array([rules.start.get(mode, 0.0) for mode in schema.ERROR_MODES])
        self.strengths = np.zeros((self._rows, len(self.rules)))
        """Rows x rules: the strength of the strongest match, 0 where the rule does not match."""
        for number, match in enumerate(self.matches):
            np.maximum.at(self.strengths[:, number], match.rows, match.strength)
        self.scores = np.tile(self.start, (self._rows, 1))
        """Rows x modes: the start and what the rules add."""
        for number, weights in enumerate(self.weights):  # not a matrix product: BLAS adds in an order of its own
            self.scores += np.outer(self.strengths[:, number], weights)
        self.by_rules = np.round(log_softmax(self.scores), _DIGITS)
        """Rows x modes: the log-probability by the rules."""
        count = len(self.sentences.row)
        self.said = np.zeros((count, len(schema.ERROR_MODES)))
        """Sentences x modes: what each sentence adds to the text model's log-odds."""
        self.by_text = np.zeros_like(self.by_rules)
        """Rows x modes: the log-probability by the text model; 0 without it."""
        if rules.with_text_model:
            texts = pa.array(self.sentences.text, pa.large_string())
            self.said = builtin_model().contributions(texts, self.sentences.row, self._rows)
            by_text = builtin_model().log_probabilities(self.said, self.sentences.row, self._rows)
            self.by_text = np.round(by_text, _DIGITS)
        self._with_text_model = rules.with_text_model

    # --- The verdict -------------------------------------------------------------------------------------------

    def verdicts(self) -> Verdicts:
        """Return each row's mode, with the reason."""
        seeing = np.array([not rule.failed_for for rule in self.rules], dtype=float)
        speaking = np.maximum(self.weights, 0) * seeing[:, None]
        speaks = (self.strengths > 0).astype(float) @ (speaking > 0) > 0
        total = np.round(self.by_rules + self.by_text, _DIGITS)
        if not self._with_text_model:  # then only a mode for which a rule speaks is a candidate
            total = np.where(speaks, total, -np.inf)
            total[~speaks.any(axis=1), _OTHER] = 0.0
        order = np.argsort(-total, axis=1, kind="stable")
        rows = np.arange(self._rows)
        best, runner_up = order[:, 0].copy(), order[:, 1].copy()
        mode, number = best.copy(), np.full(self._rows, _TEXT_MODEL)
        if self.rules:
            strongest = (self.strengths * speaking.T[best]).argmax(axis=1)
            number = np.where(speaks[rows, best], strongest, number)
        alone = self._failed_alone()
        yields = (number == _TEXT_MODEL) & (alone >= 0) & self._with_text_model
        mode[yields], number[yields] = alone[yields], _FAILED_ALONE
        decided = self._deciding()
        for row in np.flatnonzero(decided >= 0).tolist():
            mode[row], number[row] = schema.ERROR_MODES.index(self.rules[decided[row]].mode), decided[row]
        of_rules = self.by_rules[rows, mode] >= self.by_rules.max(axis=1) - _TWICE
        agree = of_rules & (self.by_text.argmax(axis=1) == mode) & self._with_text_model
        firm = (agree & (number != _TEXT_MODEL)) | (decided >= 0)
        runner_up = np.where(mode == best, runner_up, best)
        known = np.isfinite(total[rows, runner_up])
        ids = [rule.id for rule in self.rules]
        ids += [FAILED_ALONE, TEXT_MODEL if self._with_text_model else NO_RULE]  # at -2 and -1
        return Verdicts(
            modes=[schema.ERROR_MODES[each] for each in mode.tolist()],
            rules=[ids[each] for each in number.tolist()],
            evidence=self._evidence(mode, number),
            runners_up=[schema.ERROR_MODES[m] if k else None for m, k in zip(runner_up.tolist(), known, strict=True)],
            confidence=[schema.FIRM if each else schema.TENTATIVE for each in firm.tolist()],
        )

    def _deciding(self) -> np.ndarray:
        """Return per row the first rule without weights that matches, -1 where there is none."""
        decided = np.full(self._rows, -1)
        for number, rule in reversed(list(enumerate(self.rules))):
            if rule.decides:
                decided[self.matches[number].rows] = number
        return decided

    def _failed_alone(self) -> np.ndarray:
        """Return per row the mode of the only dimension that failed if it stands for one, else -1."""
        modes = [modes_of_dimension(names[0]) if len(names) == 1 else None for names in self._failed]
        return np.array([-1 if mode is None else schema.ERROR_MODES.index(mode) for mode in modes], dtype=np.int64)

    # --- The evidence ------------------------------------------------------------------------------------------

    def _evidence(self, mode: np.ndarray, number: np.ndarray) -> list[str]:
        """Return per row the judge's sentence that weighed most for its mode, and what the row itself shows of it."""
        pieces = [[sentence] if sentence else [] for sentence in self._strongest_sentences(mode, number)]
        for place, rule in enumerate(self.rules):
            if rule.reads or rule.failed_for:
                continue
            for row in self.matches[place].rows.tolist():
                supports = rule.weights.get(schema.ERROR_MODES[mode[row]], 0) > 0
                if place == number[row] or supports or rule.expected_calls or rule.weights.get(rule.mode, 0) < 0:
                    pieces[row].append(self.fact(row, place))
        return ["; ".join(dict.fromkeys(of_row)) or _NO_EVIDENCE for of_row in pieces]

    def _strongest_sentences(self, mode: np.ndarray, number: np.ndarray) -> list[str]:
        """Return per row the sentence that speaks most for a mode, verbatim; empty where there is none."""
        row, sentences = self.sentences.row, self.sentences.text
        found = self.said[np.arange(len(row)), mode[row]] - self.said.mean(axis=1)
        for place, (rule, match) in enumerate(zip(self.rules, self.matches, strict=True)):
            if rule.reads and match.sentence is not None:
                weight = np.maximum(self.weights[place, mode[match.rows]], 0.0)
                np.add.at(found, match.sentence, np.where(number[match.rows] == place, _NAMED, weight))
        found -= np.where(self.sentences.weight > 0, 0.0, _NAMED)
        found -= np.where(self.sentences.blames, 0.0, _LIKELY)
        found -= np.where([sentence.count(" ") < _FEW for sentence in sentences], _LIKELY, 0.0)
        found -= np.where(_matches(pa.array(sentences, pa.large_string()), _GRADE), 2 * _NAMED, 0.0)
        best = np.lexsort((np.arange(len(row)), -np.round(found, _DIGITS), row))
        strongest = [""] * self._rows
        for place in best[np.flatnonzero(np.diff(row[best], prepend=-1))].tolist():
            sentence = sentences[place]
            short = sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST].rsplit(" ", 1)[0]
            strongest[row[place]] = short
        return strongest

    def fact(self, row: int, number: int) -> str:
        """Return what a rule that reads no sentence saw in a row that it matches."""
        rule, match = self.rules[number], self.matches[number]
        if rule.expected_calls:
            return "; ".join(self._call_facts[row][name] for name in rule.expected_calls if name != "made")
        if match.matched is not None and not rule.response_kind:
            return match.matched[int(np.flatnonzero(match.rows == row)[0])]
        return rule.why.rstrip(".")

    # --- Matching ----------------------------------------------------------------------------------------------

    def _match(self, rule: Rule) -> Match:
        """Return the matches of a rule."""
        allowed = self._without_words(rule)
        if not rule.pattern:
            rows = np.flatnonzero(allowed)
            return Match(rows, np.ones(len(rows)))
        texts = self.sentences.complaint if rule.reads else self._texts[rule.look_in]
        if rule.reads and rule.expression.isascii():
            texts = self._plain
        hits = _matches(texts, rule.expression)
        if rule.unless is not None:
            hits &= ~_matches(texts, rule.unless)
        if not rule.reads:
            rows = np.flatnonzero(hits & allowed)
            return Match(rows, np.ones(len(rows)), matched=_matched(texts.take(pa.array(rows)), rule.expression))
        hits &= (self.sentences.weight > 0) & allowed[self.sentences.row]
        sentence = np.flatnonzero(hits)
        if len(sentence):
            sentence = sentence[~negated(texts.take(pa.array(sentence)), rule)]
        return Match(self.sentences.row[sentence], self.sentences.weight[sentence], sentence)

    def _without_words(self, rule: Rule) -> np.ndarray:
        """Return per row whether a rule's conditions hold, those on words aside."""
        allowed = np.ones(self._rows, dtype=bool)
        if rule.response_kind:
            allowed &= np.isin(self._kinds, rule.response_kind)
        if rule.tool_calls is not None:
            allowed &= self._called if rule.tool_calls == "some" else ~self._called
        if rule.expected_calls:
            allowed &= np.array([facts.keys() >= {*rule.expected_calls} for facts in self._call_facts], dtype=bool)
        if rule.failed_any:
            allowed &= np.array([not {*rule.failed_any}.isdisjoint(failed) for failed in self._failed], dtype=bool)
        if rule.failed_only:
            allowed &= np.array([{*rule.failed_only}.issuperset(failed) for failed in self._failed], dtype=bool)
        if rule.failed_for:
            modes = [{modes_of_dimension(name) for name in failed} for failed in self._failed]
            allowed &= np.array([rule.failed_for in of_row for of_row in modes], dtype=bool)
        return allowed

    @cached_property
    def _plain(self) -> pa.Array:
        """The complaints in ASCII, other letters as `?`: RE2 is many times slower where words end in other letters."""
        complaints = pc.replace_substring(self.sentences.complaint, "\u2019", "'")
        return pa.array(
            [each.encode("ascii", "replace").decode() for each in complaints.to_pylist()], pa.large_string()
        )

    @cached_property
    def _kinds(self) -> np.ndarray:
        """The response kind of each row; empty where it is blank because its text was not stored."""
        kinds = np.array(self._table["response_kind"].to_pylist(), dtype=object)
        if "text_stored" in self._table.column_names:
            kinds[(kinds == schema.NO_TEXT) & ~np.asarray(self._table["text_stored"])] = ""
        return kinds

    @cached_property
    def _called(self) -> np.ndarray:
        return ~_matches(self._texts["tool_calls"], schema.NO_PAYLOAD)

    @cached_property
    def _call_facts(self) -> list[dict[str, str]]:
        if "call_check" not in self._table.column_names:
            return [{} for _ in range(self._rows)]
        return [call_facts(check) for check in self._table["call_check"].to_pylist()]


def negated(complaints: pa.Array, rule: Rule) -> np.ndarray:
    """Return per complaint whether a negation stands before what a rule matches."""
    return _matches(complaints, _NEGATED % rule.expression)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return per text whether it matches an RE2 expression, without regard to case."""
    return np.asarray(pc.fill_null(pc.match_substring_regex(texts, pattern, ignore_case=True), False), dtype=bool)  # noqa: FBT003


def _matched(texts: pa.Array, pattern: str) -> list[str]:
    """Return the words of each text that an expression matches."""
    words: list[str] = pc.extract_regex(texts, f"(?i)(?P<evidence>{pattern})").field(0).to_pylist()
    return words


def _other_dimensions(
    scores: pa.ChunkedArray, failed: list[tuple[str, ...]], excluded: Collection[str]
) -> list[tuple[str, ...]]:
    """Return per row the dimensions that passed or do not apply, from the scores as JSON text."""
    names_of: dict[str, tuple[str, ...]] = {}
    found = []
    for text, names in zip(scores.cast(pa.large_string()).to_pylist(), failed, strict=True):
        if text not in names_of:
            names_of[text] = tuple(name for name in msgspec.json.decode(text) if name not in excluded)
        found.append(tuple(name for name in names_of[text] if name not in names))
    return found
