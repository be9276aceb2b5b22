"""What each error mode and each finer bucket means, in plain words for reports and reviewers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mode:
    """An error mode for readers: a heading, a name of a few words, and what the model does wrong."""

    name: str
    short_name: str
    what_goes_wrong: str


MODES: Final = {
    "premature_end_session": Mode(
        "Ended the session too early",
        "premature ending",
        "The model closes or hangs up the conversation, or its turn is swallowed by an earlier ending, while "
        "the user still wants something.",
    ),
    "empty_response": Mode(
        "Said and did nothing",
        "empty response",
        "The turn holds no words and no action: blank text, control tokens or punctuation, and no tool call.",
    ),
    "partial_multi_tool_execution": Mode(
        "Did only part of what was asked",
        "partial execution",
        "The user asks for several actions at once; the model carries out some of them and drops or merges the rest.",
    ),
    "state_memory_failure": Mode(
        "Lost what the conversation held",
        "lost state",
        "The model forgets, contradicts or asks again for something that was already said, corrected or looked up.",
    ),
    "ambiguity_handling_failure": Mode(
        "Mishandled an ambiguity",
        "ambiguity",
        "Several readings were possible and the model picked one without checking which; or the request was clear "
        "and it asked a needless or vague question.",
    ),
    "knowledge_grounding_error": Mode(
        "Stated what the facts do not hold",
        "unsupported claim",
        "A statement contradicts the reference material or a tool's result, adds what they do not contain, or leaves "
        "out what they list.",
    ),
    "tool_or_action_selection_error": Mode(
        "Took the wrong action, or none",
        "tool or action",
        "The expected call is missing, is the wrong one, comes too early, twice or without consent, or carries wrong "
        "arguments.",
    ),
    "other": Mode(
        "Something else",
        "other",
        "None of the other modes: style, length, tone, language, an instruction about form not followed, a cut-off "
        "answer, a question ignored; or a row whose cause the rules could not tell.",
    ),
}

NO_MODEL_ERROR: Final = "no_model_error"
"""A bucket of its own: the model did nothing wrong here, and the attribution says whose fault the score is."""
NO_ERROR: Final = Mode(
    "No error of the model",
    "no model error",
    "The model did nothing wrong here; the failed score has another cause.",
)
ATTRIBUTIONS: Final = ("model", "grader", "reference", "pipeline", "mixed")


@dataclass(frozen=True, slots=True)
class Finer:
    """A cause finer than an error mode: the bucket that it counts for, and its meaning."""

    parent: str
    meaning: str
    attribution: str
    """Whose fault it usually is."""


_ACTION: Final = "tool_or_action_selection_error"
FINER: Final = {
    "tool_selection_failure": Finer(_ACTION, "The model called another tool than the right one.", "model"),
    "error_recovery_failure": Finer(
        _ACTION, "A tool failed, and the model neither tried another way nor told the user.", "model"
    ),
    "incomplete_correction": Finer(
        "state_memory_failure", "Of a correction by the user, the model carried only a part through.", "model"
    ),
    "constraint_violation": Finer("other", "The model broke a rule or a limit that was stated.", "model"),
    "judge_error": Finer(NO_MODEL_ERROR, "The judge's verdict does not fit the row, or its own reasoning.", "grader"),
    "tool_arg_string_normalization": Finer(
        NO_MODEL_ERROR, "The call means the right thing and differs only in wording or format.", "grader"
    ),
    "optional_tool_detail_omitted": Finer(
        NO_MODEL_ERROR, "Nothing is missing but a detail that may be left out.", "grader"
    ),
    "system_vs_golden_conflict": Finer(
        NO_MODEL_ERROR,
        "What the instructions say and what the expected answer asks for exclude each other.",
        "reference",
    ),
    "closing_turn_contract_mismatch": Finer(
        NO_MODEL_ERROR, "The expected way of closing the conversation is not what the instructions say.", "reference"
    ),
    "response_contamination": Finer(
        NO_MODEL_ERROR, "Words of the harness, or of another turn, stand in the recorded answer.", "pipeline"
    ),
    "missing_transcript_turn": Finer(NO_MODEL_ERROR, "The harness did not keep the turn.", "pipeline"),
    "empty_response_execution_failure": Finer(
        NO_MODEL_ERROR, "The harness failed, so that nothing of the model was recorded.", "pipeline"
    ),
}


def describe_bucket(bucket: str) -> Mode:
    """Return the description of an error mode or of `no_model_error`."""
    return NO_ERROR if bucket == NO_MODEL_ERROR else MODES[bucket]


def tentative_label(mode: str, runner_up: str | None) -> str:
    """Return a tentative label in words: the error mode, or the next likely one."""
    names = [MODES[name].short_name for name in (mode, runner_up) if isinstance(name, str)]
    return f"{', or '.join(names)} (tentative)"
