"""How often the built-in rules are right, as measured on writers and shapes of text that they were not fitted on."""

from __future__ import annotations

from typing import Final

FIRM_SHARE: Final = 0.59
"""The share of the rows whose label is firm. `design/rules_score.md` tells how all three were measured."""
FIRM_ACCURACY: Final = 0.90
"""The share of the firm labels that are right."""
TENTATIVE_ACCURACY: Final = 0.56
"""The share of the tentative labels that are right."""
BUILT_IN: Final = "built-in"
"""The name of the rules that were measured."""


def accuracy_sentence(rules_name: str) -> str:
    """Return what is known of how often the labels of these rules are right."""
    if rules_name != BUILT_IN:
        return "How often the labels of these rules are right was not measured."
    return (
        "On judges' texts by writers and in shapes that the rules were not fitted on, "
        f"{FIRM_ACCURACY:.0%} of the firm labels ({FIRM_SHARE:.0%} of the rows) and {TENTATIVE_ACCURACY:.0%} of the "
        "tentative ones were right."
    )
