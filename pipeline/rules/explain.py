"""Explain the mode of a row: what each sentence speaks for, how much, and what both readers think; test examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.errors import Problem, RulesError
from pipeline.rules.reasoning import split_reasoning
from pipeline.rules.scorer import Scorer, Verdicts, negated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.rules.ruleset import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one sentence of the judge, or one fact of the row, adds to a mode's score by one reader."""

    seen: str
    """The sentence, or what the row shows."""
    rule: str
    """The rule, or `text-model`."""
    mode: str
    weight: float | None
    """Log-odds, negative against the mode; `None` for a rule that decides."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What both readers think of one mode: probabilities of 0 to 1 by the rules, by the text model, and by both."""

    mode: str
    by_rules: float
    by_text: float | None
    together: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row has its mode; opinions from the likeliest mode to the least likely."""

    row_id: str
    verdict: Verdicts
    """Of this row alone."""
    contributions: tuple[Contribution, ...]
    opinions: tuple[Opinion, ...]


def explain(row: pa.Table, rules: RuleSet, excluded: Collection[str] = ()) -> Explanation:
    """Return the explanation of one failed row: a table of one row as `Scorer` takes it, with its `row_id`."""
    scorer = Scorer(row, rules, excluded)
    found = [*_of_rules(scorer)]
    if rules.with_text_model:
        centred = scorer.said - scorer.said.mean(axis=1, keepdims=True)
        for sentence, said in zip(scorer.sentences.text, centred, strict=True):
            mode = int(said.argmax())
            found.append(Contribution(sentence, "text-model", schema.ERROR_MODES[mode], round(float(said[mode]), 2)))
    by_rules, by_text = np.exp(scorer.by_rules[0]), np.exp(scorer.by_text[0])
    both = by_rules * by_text
    opinions = [
        Opinion(
            mode, float(by_rules[i]), float(by_text[i]) if rules.with_text_model else None, float(both[i] / both.sum())
        )
        for i, mode in enumerate(schema.ERROR_MODES)
    ]
    opinions.sort(key=lambda opinion: -opinion.together)
    return Explanation(row["row_id"][0].as_py(), scorer.verdicts(), tuple(found), tuple(opinions))


def _of_rules(scorer: Scorer) -> Iterable[Contribution]:
    """Yield what each rule that matches the only row adds to each mode."""
    for number, rule in enumerate(scorer.rules):
        strength = float(scorer.strengths[0, number])
        if not strength:
            continue
        match = scorer.matches[number]
        seen = (
            rule.why if match.sentence is None else scorer.sentences.text[int(match.sentence[match.strength.argmax()])]
        )
        if rule.expected_calls or match.matched is not None:
            seen = scorer.fact(0, number)
        if rule.decides:
            yield Contribution(seen, rule.id, rule.mode, None)
        for mode, weight in rule.weights.items():
            yield Contribution(seen, rule.id, mode, round(weight * strength, 2))


def looks_at(rule: Rule) -> str:
    """Return what a rule looks at, in words."""
    parts = [
        f"{rule.look_in} matches {' or '.join(rule.pattern)}" if rule.pattern else "",
        f"unless {rule.unless}" if rule.unless else "",
        f"response_kind: {' or '.join(rule.response_kind)}" if rule.response_kind else "",
        f"tool_calls: {rule.tool_calls}" if rule.tool_calls else "",
        f"expected calls: {' and '.join(rule.expected_calls)}" if rule.expected_calls else "",
        f"failed: any of {', '.join(rule.failed_any)}" if rule.failed_any else "",
        f"nothing failed but: {', '.join(rule.failed_only)}" if rule.failed_only else "",
        f"a dimension failed that stands for {rule.failed_for}" if rule.failed_for else "",
    ]
    return "; ".join(part for part in parts if part)


def check_examples(rules: Iterable[Rule], name: str) -> None:
    """Test every rule on its own examples; raises `RulesError` that names each example that fails.

    `name` is the file's name in the places of the problems.
    """
    problems = []
    for rule in rules:
        for key, expected in (("match", True), ("no_match", False)):
            texts = getattr(rule, key)
            for text, matches in zip(texts, _matches(rule, texts), strict=True):
                if matches != expected:
                    what = f"{key} {text!r}: the rule {'matches' if matches else 'does not match'}"
                    problems.append(Problem(f"{name}: {rule.id}", what, "change the rule or the example"))
    if problems:
        raise RulesError(*problems)


def _matches(rule: Rule, texts: tuple[str, ...]) -> list[bool]:
    """Return per text whether a rule's expressions match, its other conditions aside."""
    if not texts or not rule.pattern:
        return [False] * len(texts)
    array, places = pa.array(texts, pa.large_string()), np.arange(len(texts))
    if rule.reads:
        sentences = split_reasoning(texts, [()] * len(texts), [()] * len(texts))
        array, places = sentences.complaint, sentences.row
    hits = np.asarray(pc.match_substring_regex(array, rule.expression, ignore_case=True))
    if rule.unless:
        hits &= ~np.asarray(pc.match_substring_regex(array, rule.unless, ignore_case=True))
    if rule.reads:
        hits &= ~negated(array, rule)
    found: list[bool] = np.isin(np.arange(len(texts)), places[hits]).tolist()
    return found
