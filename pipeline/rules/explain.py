"""Explain the mode of a row by the contributions of every rule, and describe what a rule looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.errors import Problem, RulesError
from pipeline.rules.reasoning import Reasoning
from pipeline.rules.scorer import Scorer, describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules.ruleset import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a rule that matches adds to a mode's score."""

    rule: str
    weight: float | None
    """Log-odds, negative against the mode; None for a rule that decides."""
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ModeScore:
    """The score of one mode in a row: its start and the contributions of the rules that match."""

    mode: str
    total: float
    start: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row has its mode; `scores` from the greatest to the least."""

    row_id: str
    mode: str
    rule: str
    evidence: str
    runner_up: str | None
    scores: tuple[ModeScore, ...]


def explain(turns: pa.Table, row_id: str, rules: RuleSet) -> Explanation:
    """Return the explanation of one failed row; `turns` is its whole run, with texts and `scores`."""
    scorer = Scorer(turns, np.asarray(pc.equal(turns["row_id"], row_id)), rules)
    verdicts = scorer.verdicts()
    scores = sorted(
        (_mode_score(scorer, number) for number in range(len(schema.ERROR_MODES))),
        key=lambda score: -score.total,
    )
    first = (verdicts.modes[0], verdicts.rules[0], verdicts.evidence[0], verdicts.runners_up[0])
    return Explanation(row_id, *first, tuple(scores))


def _mode_score(scorer: Scorer, mode: int) -> ModeScore:
    """Return the score of a mode in the scorer's only row."""
    counted = scorer.strengths[0] * scorer.weights[:, mode]
    weighted = [
        Contribution(rule.id, round(float(counted[number]), 2), rule.why, scorer.evidence(0, number))
        for number, rule in enumerate(scorer.rules)
        if counted[number]
    ]
    weighted.sort(key=lambda contribution: -abs(contribution.weight or 0))
    deciding = [
        Contribution(rule.id, None, rule.why, scorer.evidence(0, number))
        for number, rule in enumerate(scorer.rules)
        if rule.decides and rule.mode == schema.ERROR_MODES[mode] and len(scorer.matches[number].rows)
    ]
    total, start = float(scorer.scores[0, mode]), float(scorer.start[mode])
    return ModeScore(schema.ERROR_MODES[mode], round(total, 2), round(start, 2), (*deciding, *weighted))


def looks_at(rule: Rule) -> str:
    """Return what a rule looks at, in words."""
    parts = [f"the judge says {' or '.join(rule.says)}"] if rule.says else []
    parts += [f"and not {' or '.join(rule.unless_says)}"] if rule.unless_says else []
    parts += [f"{rule.look_in} matches {rule.pattern}"] if rule.pattern else []
    parts += [f"unless {rule.unless}"] if rule.unless else []
    parts += [f"failed: any of {', '.join(rule.failed_any)}"] if rule.failed_any else []
    return "; ".join(part for part in (*parts, describe(rule)) if part)


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
                    what = f"{key} {text!r}: the rule {'holds' if matches else 'does not hold'}"
                    problems.append(Problem(f"{name}: {rule.id}", what, "change the rule or the example"))
    if problems:
        raise RulesError(*problems)


def _matches(rule: Rule, texts: tuple[str, ...]) -> list[bool]:
    """Return per text whether a rule's conditions on words hold, its other conditions aside."""
    if not texts or not (rule.says or rule.pattern):
        return [False] * len(texts)
    array = pa.array(texts, pa.large_string())
    if rule.says or rule.look_in == "judge_reasoning":
        reasoning = Reasoning(array)
        if rule.says:
            found = reasoning.search_concepts(rule.says, rule.unless_says)
        else:
            found = reasoning.search_regex(rule.pattern or "", rule.unless)
        matching = set(found.text.tolist())
        return [number in matching for number in range(len(texts))]
    hits = pc.match_substring_regex(array, rule.pattern, ignore_case=True)
    if rule.unless:
        hits = pc.and_not(hits, pc.match_substring_regex(array, rule.unless, ignore_case=True))
    return [bool(hit) for hit in hits.to_pylist()]
