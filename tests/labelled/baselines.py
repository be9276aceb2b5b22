"""Three simple labellers, and a text model, to set beside the rules."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cases import Case

SUBSTRINGS = (
    ("premature_end_session", ("ended the session", "hung up", "end_session", "goodbye", "prematurely")),
    ("empty_response", ("empty", "blank", "no response", "silence")),
    ("partial_multi_tool_execution", ("only one", "partial", "both", "second action", "multiple")),
    ("state_memory_failure", ("again", "already", "forgot", "earlier", "memory", "context", "previous")),
    ("ambiguity_handling_failure", ("ambig", "clarif", "which one", "assum")),
    ("knowledge_grounding_error", ("hallucinat", "incorrect", "knowledge", "fabricat", "contradict", "not in the")),
    ("tool_or_action_selection_error", ("tool", "function", "call", "argument", "parameter")),
)
DIMENSIONS = (
    ("state_memory_failure", ("state", "memory", "context")),
    ("ambiguity_handling_failure", ("ambig", "clarif")),
    ("tool_or_action_selection_error", ("tool", "function")),
    ("knowledge_grounding_error", ("ground", "fact", "kb", "accura", "knowledge")),
)


def by_substring(case: Case) -> str:
    """Return the first mode, in the codebook's order, one of whose substrings the reasoning contains."""
    text = case.judge_reasoning.lower()
    return next((mode for mode, parts in SUBSTRINGS if any(part in text for part in parts)), "other")


def by_structure(case: Case) -> str:
    """Return a mode by sentinels, blank text and the dimensions that failed, without the reasoning."""
    if (case.assistant_text or "-").startswith("[MODEL_ENDED_SESSION"):
        return "premature_end_session"
    blank = not any(character.isalnum() for character in case.assistant_text or "-")
    if (case.assistant_text or "-").startswith("[EMPTY_RESPONSE") or (blank and not case.tool_calls):
        return "empty_response"
    failed = " ".join(name for name, score in case.scores.items() if score is False).lower()
    return next((mode for mode, parts in DIMENSIONS if any(part in failed for part in parts)), "other")


def commonest(cases: Sequence[Case]) -> str:
    """Return the most frequent mode."""
    return Counter(case.mode for case in cases).most_common(1)[0][0]


def by_text_model(train: Sequence[Case], cases: Sequence[Case]) -> list[str]:
    """Return modes by a linear model over TF-IDF of words and word pairs, and the failed dimensions."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),  # noqa: S106 - no secret
        LogisticRegression(C=20, max_iter=3000, class_weight="balanced"),
    )
    model.fit([_text(case) for case in train], [case.mode for case in train])
    return list(model.predict([_text(case) for case in cases]))


def _text(case: Case) -> str:
    failed = " ".join(f"failed_{name}" for name, score in case.scores.items() if score is False)
    called = "called" if case.tool_calls else "called_nothing"
    return f"{case.judge_reasoning} {failed} {called}"
