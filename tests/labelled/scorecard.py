"""Score the rules and the text model on the labelled rows: `make rules-score`, or `make rules-score EXTRA=DIR`.

Prints, for each part, accuracy, macro-F1, the share of firm labels and how many of them are right, by writer and
shape, precision and recall per mode with the confusion table, beside simple labellers. Exit status 1 if the scored
part falls below the floor. Rows of the scored part are never shown: its totals are all that the rules' authors see.

With a folder, the comparisons in it are analysed and compared with its `labels.csv`: the columns `run_id`, `turn` and
`mode`, the comparison's `folder` where there are several, and in `alternative` a second defensible mode, if any.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import baselines
import numpy as np
from cases import PARTS, ROOT, Case, read_part
from fit import group_of
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score, precision_recall_fscore_support
from tables import score
from tabulate import tabulate

from pipeline import analyze
from pipeline.rules.ruleset import builtin_rules
from pipeline.schema import ERROR_MODES, FIRM

FLOOR = {"accuracy": 0.75, "macro-F1": 0.75, "firm share": 0.50, "firm accuracy": 0.88}
"""What the readers must reach on the scored part."""
SHORT = ("ended", "empty", "partial", "state", "ambiguity", "knowledge", "tool", "other")


def main(extra: str | None = None) -> int:
    """Print the scorecard and return the exit status: 0 if the floor is met, 1 if not."""
    if extra:
        return score_folder(Path(extra))
    parts = {part: read_part(part) for part in PARTS}
    met = True
    for part, cases in parts.items():
        truth = [case.mode for case in cases]
        verdicts = score(cases, builtin_rules()).verdicts()
        firm = np.array(verdicts.confidence) == FIRM
        print(f"\n{part}: {len(cases)} rows; {agreement(part, cases)}")
        if part == "developed":
            print("rules, weights and text model were made from these rows; `make rules-fit` holds writers out")
        labellers = {
            "substring list": [baselines.by_substring(case) for case in cases],
            "dimensions and sentinels": [baselines.by_structure(case) for case in cases],
            "commonest mode": [baselines.commonest(cases)] * len(cases),
            "another text model": baselines.by_text_model(parts["developed"], cases),
        }
        rows = [("rules and text model", *scores(truth, verdicts.modes, firm))]
        rows += [(name, *scores(truth, found, None)) for name, found in labellers.items()]
        print(tabulate(rows, headers=("labeller", *FLOOR), floatfmt=".3f"))
        if part == "scored":
            print(by_group(cases, verdicts.modes, firm))
            reached = dict(zip(FLOOR, scores(truth, verdicts.modes, firm), strict=True))
            met = all(reached[name] >= least for name, least in FLOOR.items())
            allowed = ", ".join(f"{name} {least:.2f}" for name, least in FLOOR.items())
            print(f"\nfloor on the scored part: {allowed}: {'met' if met else 'MISSED'}")
        print(per_mode(truth, verdicts.modes))
    return 0 if met else 1


def score_folder(folder: Path) -> int:
    """Print how the labels of the runs in a folder agree with its `labels.csv`."""
    with (folder / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        labels = {(row.get("folder") or "", row["run_id"], int(row["turn"])): row for row in csv.DictReader(file)}
    right, also, firm = [], [], []
    for comparison in sorted(path.parent for path in folder.rglob("run_results.csv")):
        turns = analyze(comparison).turns
        for row in turns[turns["failed"]].to_dict("records"):
            place = (row["run_id"], row["turn"])
            label = labels.get((comparison.name, *place)) or labels.get(("", *place))
            if label is not None:
                right.append(row["error_mode"] == label["mode"])
                also.append(row["error_mode"] in {label["mode"], label.get("alternative")})
                firm.append(row["error_mode_confidence"] == FIRM)
    if not right:
        print(f"{folder}: no row of labels.csv is a failed row of its runs", file=sys.stderr)
        return 2
    sure = np.array(firm)
    print(f"{folder.name}: {len(right)} of {len(labels)} labelled rows; accuracy {np.mean(right):.3f}, ", end="")
    print(f"with a second label {np.mean(also):.3f}; firm {sure.mean():.3f}, of these right ", end="")
    print(f"{np.array(right)[sure].mean():.3f}, with a second label {np.array(also)[sure].mean():.3f}")
    return 0


def scores(truth: list[str], guess: list[str], firm: np.ndarray | None) -> tuple[float | None, ...]:
    """Return accuracy, macro-F1, the share of firm labels and their accuracy; the last two `None` without `firm`."""
    right = np.array([a == b for a, b in zip(truth, guess, strict=True)])
    macro = f1_score(truth, guess, average="macro", labels=ERROR_MODES, zero_division=0)
    of_firm = (None, None) if firm is None else (firm.mean(), right[firm].mean())
    return right.mean(), macro, *of_firm


def by_group(cases: list[Case], guess: list[str], firm: np.ndarray) -> str:
    """Return a table of the scores of each writer and shape."""
    groups = np.array([group_of(case) for case in cases])
    rows = []
    for group in sorted(set(groups)):
        here = np.flatnonzero(groups == group)
        found = scores([cases[i].mode for i in here], [guess[i] for i in here], firm[here])
        rows.append((group, len(here), *found))
    return tabulate(rows, headers=("writer and shape", "rows", *FLOOR), floatfmt=".2f")


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
    sys.exit(main(*sys.argv[1:]))
