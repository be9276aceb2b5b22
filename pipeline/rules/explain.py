"""Explain a row: every signal that spoke for or against each mode, and what a rule looks at, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import Problem, RulesError
from pipeline.rules.engine import Weighing, describe
from pipeline.rules.reasons import Reasons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules.ruleset import Rule, RuleSet


class Voice(NamedTuple):
    """One rule that held: what it adds to the mode's total (negative: against; None: it decides), and what it saw."""

    rule: str
    weight: float | None
    why: str
    saw: str


class Standing(NamedTuple):
    """How one mode stands in a row."""

    mode: str
    total: float
    start: float
    voices: tuple[Voice, ...]


class Explanation(NamedTuple):
    """Why a row has its mode; `standings` from the first to the last."""

    row_id: str
    mode: str
    rule: str
    evidence: str
    runner_up: str | None
    standings: tuple[Standing, ...]


def explain(turns: pa.Table, row_id: str, rules: RuleSet) -> Explanation:
    """Weigh one failed row of a run; `turns` is the whole run, with texts and `scores`."""
    chosen = np.array([found == row_id for found in as_list(turns[c.ROW_ID])], dtype=bool)
    weighing = Weighing(turns, chosen, rules)
    verdicts = weighing.verdicts()
    standings = [_standing(weighing, number) for number in range(len(c.ERROR_MODES))]
    standings.sort(key=lambda standing: -standing.total)
    first = (verdicts.modes[0], verdicts.rules[0], verdicts.evidence[0], verdicts.runners_up[0])
    return Explanation(row_id, *first, tuple(standings))


def _standing(weighing: Weighing, mode: int) -> Standing:
    spoken = weighing.shares[0] * weighing.weights[:, mode] if weighing.rules else np.zeros(0)
    voices = [
        Voice(rule.id, round(float(spoken[number]), 2), rule.why, weighing.seen(0, number))
        for number, rule in enumerate(weighing.rules)
        if spoken[number]
    ]
    voices.sort(key=lambda voice: -abs(voice.weight or 0))
    deciding = [
        Voice(rule.id, None, rule.why, weighing.seen(0, number))
        for number, rule in enumerate(weighing.rules)
        if rule.decides and rule.mode == c.ERROR_MODES[mode] and len(weighing.holdings[number].rows)
    ]
    total, start = float(weighing.totals[0, mode]), float(weighing.start[mode])
    return Standing(c.ERROR_MODES[mode], round(total, 2), round(start, 2), (*deciding, *voices))


def looks_at(rule: Rule) -> str:
    """Say what a rule looks at."""
    parts = [f"the judge says {' or '.join(rule.says)}"] if rule.says else []
    parts += [f"and not {' or '.join(rule.unless_says)}"] if rule.unless_says else []
    parts += [f"{rule.look_in} matches {rule.pattern}"] if rule.pattern else []
    parts += [f"unless {rule.unless}"] if rule.unless else []
    parts += [f"failed: any of {', '.join(rule.failed_any)}"] if rule.failed_any else []
    return "; ".join(part for part in (*parts, describe(rule)) if part)


def check_examples(rules: Iterable[Rule], name: str) -> None:
    """Try every rule on its own examples; raises `RulesError` naming those that fail."""
    problems = []
    for rule in rules:
        for key, wanted in (("match", True), ("no_match", False)):
            texts = getattr(rule, key)
            for text, held in zip(texts, _holds(rule, texts), strict=True):
                if held != wanted:
                    what = f"{key} {text!r}: the rule {'holds' if held else 'does not hold'}"
                    problems.append(Problem(f"{name}: {rule.id}", what, "change the rule or the example"))
    if problems:
        raise RulesError(*problems)


def _holds(rule: Rule, texts: tuple[str, ...]) -> list[bool]:
    """Tell for which texts the words of a rule hold, its other conditions aside."""
    if not texts or not (rule.says or rule.pattern):
        return [False] * len(texts)
    array = pa.array(texts, pa.large_string())
    if rule.says or rule.look_in == c.JUDGE_REASONING:
        reasons = Reasons(array)
        pattern = rule.pattern or ""
        found = reasons.saying(rule.says, rule.unless_says) if rule.says else reasons.matching(pattern, rule.unless)
        return [position in set(found[0].tolist()) for position in range(len(texts))]
    hits = pc.match_substring_regex(array, rule.pattern, ignore_case=True)
    if rule.unless:
        hits = pc.and_not(hits, pc.match_substring_regex(array, rule.unless, ignore_case=True))
    return [bool(hit) for hit in hits.to_pylist()]
