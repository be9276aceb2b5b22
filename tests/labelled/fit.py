"""Fit the rules' weights to the developed part and write `pipeline/rules/builtin/weights.json`.

The model is a multinomial logistic regression: the features are the strengths of the rules' matches, the weights are
log-odds under an L2 penalty, kept for the rule's own mode and wherever they are large enough. Prints how well weights
that were fitted without one writer's rows label that writer's rows.

`python tests/labelled/fit.py [--try] [--writers N]`; with --try nothing is written, with --writers only the rows of
the first N writers are used.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from cases import ROOT, read_cases
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.metrics import f1_score
from tables import score, with_earlier_turns

from pipeline.rules.ruleset import RuleSet, unweighted_rules
from pipeline.schema import ERROR_MODES

MODES = list(ERROR_MODES)
PENALTY = 4.0
KEPT = 0.2  # weights smaller than this are left out, except those for the mode of the rule
LEAST = 0.05  # and those smaller than this are left out altogether
WEIGHTS = Path(__file__).parents[2] / "pipeline" / "rules" / "builtin" / "weights.json"


def main() -> None:
    """Fit, cross-validate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--try", dest="dry", action="store_true", help="write nothing")
    parser.add_argument("--writers", type=int, metavar="N", help="use the rows of the first N writers, with --try")
    arguments = parser.parse_args()
    if arguments.writers is not None and not arguments.dry:
        parser.error("--writers needs --try: weights are fitted to all rows")
    files = sorted((ROOT / "developed").glob("*.jsonl"))[: arguments.writers]
    cases = [case for file in files for case in read_cases(file)]
    writer = np.array([file.stem for file in files for _ in read_cases(file)])
    rules = [rule for rule in unweighted_rules() if not rule.weights]  # a rule with a weight in its file keeps it
    equal = RuleSet(tuple(replace(rule, weights={rule.mode: 1.0}) for rule in rules))
    written, padded = (score(some, equal).strengths for some in (cases, with_earlier_turns(cases)))
    own = np.array([[rule.mode == mode for mode in MODES] for rule in rules])
    label = np.array([MODES.index(case.mode) for case in cases])
    for name, tested in (("as written", written), ("with earlier turns", padded)):
        guess = np.zeros_like(label)
        for held_out in sorted(set(writer)):
            train, test = writer != held_out, writer == held_out
            weights, start = fit(np.vstack([written[train], padded[train]]), np.tile(label[train], 2), own)
            guess[test] = (tested[test] @ weights + start).argmax(axis=1)
        show(f"{len(label)} rows {name}, each writer's labelled by weights from the others", label, guess)
    weights, start = fit(np.vstack([written, padded]), np.tile(label, 2), own)
    show("all rows by weights from all", label, (written @ weights + start).argmax(axis=1))
    print(f"{np.count_nonzero(weights)} weights of {np.count_nonzero(weights.any(axis=1))} rules of {len(rules)}")
    if not arguments.dry:
        WEIGHTS.write_text(as_json([rule.id for rule in rules], weights, start), encoding="utf-8")


def fit(found: np.ndarray, label: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (rules x modes) and starts: all are fitted first, then those that are large enough again.

    `found` holds the strengths of matches (rows x rules), `label` the index of each row's mode, `own` (rules x modes)
    whether the mode is the rule's own.
    """
    weights, _ = _fit(found, label, np.ones_like(own))
    kept = own | (np.abs(weights) >= KEPT)
    weights, start = _fit(found, label, kept)
    weights[np.abs(weights) < LEAST] = 0
    return np.round(weights, 2), np.round(start, 2)


def _fit(found: np.ndarray, label: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rules, modes = kept.shape
    truth = np.eye(modes)[label]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, start = flat[:-modes].reshape(rules, modes), flat[-modes:]
        totals = found @ weights + start
        log_odds = totals - logsumexp(totals, axis=1, keepdims=True)
        miss = np.exp(log_odds) - truth
        slope = (found.T @ miss + PENALTY * 2 * weights) * kept
        value = -(log_odds * truth).sum() + PENALTY * (weights**2).sum()
        return value, np.concatenate([slope.ravel(), miss.sum(axis=0)])

    best = minimize(loss, np.zeros(rules * modes + modes), jac=True, method="L-BFGS-B", options={"maxiter": 3000}).x
    return best[:-modes].reshape(rules, modes) * kept, best[-modes:]


def show(what: str, label: np.ndarray, guess: np.ndarray) -> None:
    """Print accuracy and macro-F1."""
    print(f"{what}: accuracy {(label == guess).mean():.3f}, macro-F1 {f1_score(label, guess, average='macro'):.3f}")


def as_json(ids: list[str], weights: np.ndarray, start: np.ndarray) -> str:
    """Return weights as JSON, a line per rule, the start first, each rule's largest weight first."""
    tables = {"start": {mode: float(value) for mode, value in zip(MODES, start, strict=True)}}
    for rule, row in zip(ids, weights, strict=True):
        if row.any():
            tables[rule] = {MODES[mode]: float(row[mode]) for mode in np.argsort(-np.abs(row)) if row[mode]}
    lines = [f"  {json.dumps(name)}: {json.dumps(table)}" for name, table in tables.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
