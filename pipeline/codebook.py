"""What each error mode means, in plain words for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mode:
    """An error mode for readers: a short name, and what the model does wrong."""

    name: str
    what_goes_wrong: str


MODES: Final = {
    "premature_end_session": Mode(
        "Ended the session too early",
        "The model closes or hangs up the conversation, or its turn is swallowed by an earlier ending, while "
        "the user still wants something.",
    ),
    "empty_response": Mode(
        "Said and did nothing",
        "The turn holds no words and no action: blank text, control tokens or punctuation, and no tool call.",
    ),
    "partial_multi_tool_execution": Mode(
        "Did only part of what was asked",
        "The user asks for several actions at once; the model carries out some of them and drops or merges the rest.",
    ),
    "state_memory_failure": Mode(
        "Lost what the conversation held",
        "The model forgets, contradicts or asks again for something that was already said, corrected or looked up.",
    ),
    "ambiguity_handling_failure": Mode(
        "Mishandled an ambiguity",
        "Several readings were possible and the model picked one without checking which; or the request was clear "
        "and it asked a needless or vague question.",
    ),
    "knowledge_grounding_error": Mode(
        "Stated what the facts do not hold",
        "A statement contradicts the reference material or a tool's result, adds what they do not contain, or leaves "
        "out what they list.",
    ),
    "tool_or_action_selection_error": Mode(
        "Took the wrong action, or none",
        "The expected call is missing, is the wrong one, comes too early, twice or without consent, or carries wrong "
        "arguments.",
    ),
    "other": Mode(
        "Something else",
        "None of the other modes: style, length, tone, language, an instruction about form not followed, a cut-off "
        "answer, a question ignored; or a row whose cause the rules could not tell.",
    ),
}
