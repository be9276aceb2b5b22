"""Fit the rules' weights and the text model to the developed part: `make rules-fit`.

Writes `pipeline/rules/builtin/weights.json` and `text_model.npz`. The text model is a logistic regression over its
features; the rules' weights are fitted beside it, with what the text model says of each row when it was fitted
without the rows of the same writer and shape. Each row counts a second time without its dimensions, so that little
leans on them. With `--try` nothing is written; the rows of each writer and shape are labelled by readers that were
fitted without them. `--groups N` takes only the first N writers and shapes, for a test that it runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from cases import Case, read_part
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from tables import score

from pipeline.rules.ruleset import RuleSet, unweighted_rules
from pipeline.rules.text_model import COLUMNS, features
from pipeline.schema import ERROR_MODES as MODES

BUILTIN = Path(__file__).parents[2] / "pipeline" / "rules" / "builtin"
REGULARIZATION = 1.0
"""The inverse strength of the text model's L2 penalty, as scikit-learn counts it."""
PENALTY = 1.5
"""The L2 penalty on the rules' weights."""
KEPT = 0.35
"""A weight against a mode that is not the rule's own stays if the first fit makes it at least this large."""
LEAST = 0.1
FOLDS = 10
Fitted = tuple[np.ndarray, np.ndarray]
"""Weights (columns x modes) and starts (modes)."""


def main() -> None:
    """Fit, say how accurate it is, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--try", dest="dry", action="store_true", help="write nothing")
    parser.add_argument("--groups", type=int, help="only the rows of so many writers and shapes, with --try")
    arguments = parser.parse_args()
    if arguments.groups and not arguments.dry:
        parser.error("--groups needs --try")
    cases = read_part("developed")
    names = list(dict.fromkeys(group_of(case) for case in cases))
    kept = set(names[: arguments.groups])
    cases = [case for case in cases if not arguments.groups or group_of(case) in kept]
    groups = np.array([group_of(case) for case in cases])
    label = np.array([MODES.index(case.mode) for case in cases])
    rules = unweighted_rules()
    scorer = score(cases, RuleSet(tuple(replace(rule, weights={rule.mode: 1.0}) for rule in rules)))
    found = scorer.strengths
    texts = text_features([case.judge_reasoning for case in cases])
    said = out_of_group(texts, label, groups)
    shown = np.array([bool(rule.failed_for) for rule in rules])
    own = np.array([[rule.mode == mode for mode in MODES] for rule in rules])
    guess_text, guess = said.argmax(axis=1), np.zeros_like(label)
    firm = np.zeros(len(label), dtype=bool)
    for group in sorted(set(groups)):
        train, test = groups != group, groups == group
        weights, start = fit_rules(found[train], label[train], said[train], own, shown)
        by_rules = found[test] @ weights + start
        guess[test] = (by_rules + said[test]).argmax(axis=1)
        firm[test] = by_rules.argmax(axis=1) == said[test].argmax(axis=1)
    show(f"{len(label)} rows of {len(set(groups))} writers and shapes, each by readers fitted without it", label, guess)
    show("the text model alone", label, guess_text)
    print(f"both agree on {firm.mean():.3f}, of these right: {(guess == label)[firm].mean():.3f}")
    if arguments.dry:
        for group in sorted(set(groups)):
            print(f"  {group}: {(guess == label)[groups == group].mean():.2f} of {(groups == group).sum()}")
    weights, start = fit_rules(found, label, said, own, shown)
    print(f"{np.count_nonzero(weights)} weights of {np.count_nonzero(weights.any(axis=1))} rules of {len(rules)}")
    if not arguments.dry:
        (BUILTIN / "weights.json").write_text(as_json([rule.id for rule in rules], weights, start), encoding="utf-8")
        write_text_model(*fit_text(texts, label))


def group_of(case: Case) -> str:
    """Return the writer and the shape of a case: the letters of its id, and its shape."""
    return f"{case.id.rpartition('-')[0]} {case.shape}"


# --- The text model --------------------------------------------------------------------------------------------


def text_features(texts: list[str]) -> sparse.csr_matrix:
    """Return counts of the features (texts x columns), each kind divided by the root of its number in the text."""
    found = features(pa.array(texts, pa.large_string()))
    counts = sparse.csr_matrix((np.ones(len(found.text)), (found.text, found.column)), (len(texts), COLUMNS))
    half = COLUMNS // 2
    parts = [counts[:, :half], counts[:, half:]]
    return sparse.hstack(
        [sparse.diags(1 / np.sqrt(np.maximum(np.asarray(part.sum(axis=1)).ravel(), 1))) @ part for part in parts]
    ).tocsr()


def fit_text(texts: sparse.csr_matrix, label: np.ndarray) -> Fitted:
    """Return weights and starts; rare features count more while fitting, by their inverse document frequency."""
    frequency = np.asarray((texts > 0).sum(axis=0)).ravel()
    rarity = np.log((1 + texts.shape[0]) / (1 + frequency)) + 1
    model = LogisticRegression(C=REGULARIZATION, class_weight="balanced", max_iter=300, tol=1e-3)
    model.fit(texts @ sparse.diags(rarity), label)
    weights = np.zeros((texts.shape[1], len(MODES)))
    start = np.full(len(MODES), -20.0)
    weights[:, model.classes_] = model.coef_.T * rarity[:, None]
    start[model.classes_] = model.intercept_
    return weights, start


def out_of_group(texts: sparse.csr_matrix, label: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return log-probabilities (texts x modes) by text models fitted without the texts of the same group."""
    names = sorted(set(groups))
    fold = np.array([names.index(group) % FOLDS for group in groups])
    said = np.zeros((len(label), len(MODES)))
    for number in sorted(set(fold)):
        weights, start = fit_text(texts[fold != number], label[fold != number])
        scores = texts[fold == number] @ weights + start
        said[fold == number] = scores - logsumexp(scores, axis=1, keepdims=True)
    return said


def write_text_model(weights: np.ndarray, start: np.ndarray) -> None:
    """Write the weights as whole numbers of one byte with a factor per mode."""
    scale = np.abs(weights).max(axis=0) / 127
    whole = np.round(weights / scale).astype(np.int8)
    np.savez_compressed(BUILTIN / "text_model.npz", weights=whole, scale=scale, start=np.round(start, 4))


# --- The rules -------------------------------------------------------------------------------------------------


def fit_rules(found: np.ndarray, label: np.ndarray, said: np.ndarray, own: np.ndarray, shown: np.ndarray) -> Fitted:
    """Return weights (rules x modes) and starts: all are fitted first, then those that are large enough again.

    `found` holds the strengths of matches (rows x rules), `label` the index of each row's mode, `said` what the text
    model says (rows x modes), `own` (rules x modes) whether the mode is the rule's own, `shown` which rules look at
    the dimensions: each row counts once with and once without them.
    """
    found = np.vstack([found, np.where(shown, 0.0, found)])
    label, said = np.tile(label, 2), np.vstack([said, said])
    weights, _ = _fit(found, label, said, own, np.ones_like(own))
    weights, start = _fit(found, label, said, own, own | (weights <= -KEPT))
    weights[np.abs(weights) < LEAST] = 0
    return np.round(weights, 2), np.round(start, 2)


def _fit(found: np.ndarray, label: np.ndarray, said: np.ndarray, own: np.ndarray, kept: np.ndarray) -> Fitted:
    """Fit the weights that are `kept`: a rule speaks for its own mode, and against others."""
    rules, modes = kept.shape
    truth = np.eye(modes)[label]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, start = flat[:-modes].reshape(rules, modes), flat[-modes:]
        totals = found @ weights + start + said
        log_odds = totals - logsumexp(totals, axis=1, keepdims=True)
        miss = np.exp(log_odds) - truth
        slope = (found.T @ miss + PENALTY * 2 * weights) * kept
        value = -(log_odds * truth).sum() + PENALTY * (weights**2).sum()
        return value, np.concatenate([slope.ravel(), miss.sum(axis=0)])

    bounds = [(0, None) if mine else (None, 0) for mine in own.ravel()] + [(None, None)] * modes
    start = np.zeros(rules * modes + modes)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
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
    sys.exit(main())
