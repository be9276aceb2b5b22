"""Score the rules on the labelled rows: `make rules-score`.

Prints, for each part, accuracy, macro-F1, precision and recall per mode and the confusion table, beside three
simple labellers and a text model trained on the developed part. Exit status 1 if the rules fall below the floor
on the scored part. Rows of the scored part are never shown: its totals are all that the rules' authors see.
"""

from __future__ import annotations

import csv
import sys

import baselines
from cases import PARTS, ROOT, Case, read_part
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score, precision_recall_fscore_support
from tables import score
from tabulate import tabulate

from pipeline.rules.ruleset import builtin_rules
from pipeline.schema import ERROR_MODES

FLOOR = {"accuracy": 0.80, "macro-F1": 0.78}
"""What the rules must reach on the scored part."""
SHORT = ("ended", "empty", "partial", "state", "ambiguity", "knowledge", "tool", "other")


def main() -> int:
    """Print the scorecard and return the exit status: 0 if the floor is met, 1 if not."""
    parts = {part: read_part(part) for part in PARTS}
    met = True
    for part, cases in parts.items():
        truth = [case.mode for case in cases]
        guess = score(cases, builtin_rules()).verdicts().modes
        print(f"\n{part}: {len(cases)} rows; {agreement(part, cases)}")
        if part == "developed":
            print("the rules and their weights, and the text model, were made from these rows")
        labellers = {
            "rules": guess,
            "substring list": [baselines.by_substring(case) for case in cases],
            "dimensions and sentinels": [baselines.by_structure(case) for case in cases],
            "commonest mode": [baselines.commonest(cases)] * len(cases),
            "text model": baselines.by_text_model(parts["developed"], cases),
        }
        rows = [(name, *scores(truth, found)) for name, found in labellers.items()]
        print(tabulate(rows, headers=("labeller", *FLOOR), floatfmt=".3f"))
        print(per_mode(truth, guess))
        if part == "scored":
            reached = dict(zip(FLOOR, scores(truth, guess), strict=True))
            met = all(reached[name] >= least for name, least in FLOOR.items())
            allowed = ", ".join(f"{name} {least:.2f}" for name, least in FLOOR.items())
            print(f"\nfloor on the scored part: {allowed}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


def scores(truth: list[str], guess: list[str]) -> tuple[float, float]:
    """Return accuracy and macro-F1."""
    right = sum(a == b for a, b in zip(truth, guess, strict=True))
    return right / len(truth), f1_score(truth, guess, average="macro", labels=ERROR_MODES, zero_division=0)


def per_mode(truth: list[str], guess: list[str]) -> str:
    """Return a table of precision, recall and the confusion counts per mode."""
    precision, recall, _, count = precision_recall_fscore_support(truth, guess, labels=ERROR_MODES, zero_division=0)
    confusion = confusion_matrix(truth, guess, labels=ERROR_MODES)
    rows = [
        (mode, count[i], f"{precision[i]:.2f}", f"{recall[i]:.2f}", *confusion[i]) for i, mode in enumerate(ERROR_MODES)
    ]
    return tabulate(rows, headers=("mode", "rows", "precision", "recall", *(f"-> {name}" for name in SHORT)))


def agreement(part: str, cases: list[Case]) -> str:
    """Return how well the second labels agree with the first, in words."""
    with (ROOT / "second" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        second = {row["id"]: row["mode"] for row in csv.DictReader(file)}
    both = [(case.mode, second[case.id]) for case in cases if case.id in second]
    first, again = zip(*both, strict=True)
    same = sum(a == b for a, b in both)
    return f"{len(both)} labelled twice, {same} alike, Cohen's kappa {cohen_kappa_score(first, again):.2f}"


if __name__ == "__main__":
    sys.exit(main())
