"""The columns and dtypes of every table, and the closed vocabularies. Imports no pandas: everyone may import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Final = 1

TEXTS: Final = ("user_text", "assistant_text", "judge_reasoning", "tool_calls", "tool_results")

# --- Tables: column -> pandas dtype ------------------------------------------------------------------------
#
# `str` is Arrow-backed text, `category` a string that repeats, `integer` a signed integer of any width, `list` a
# column of lists of strings. "One row per" is said where a table is made.

Columns = Mapping[str, str]
"""The columns of a table in order, each with its dtype."""

TEXT_COLUMNS: Final = dict.fromkeys(TEXTS, "str")
OF_REFERENCE: Final = {
    "golden_text": "category",
    "expected_calls": "category",
    "categories": "list",
    "call_check": "category",
}
"""What the reference says of a turn, and what the calls look like beside it; missing where there is no reference."""
TURNS: Final = {
    "row_id": "str",
    "comparison": "category",
    "benchmark_name": "category",
    "model_name": "category",
    "run_id": "category",
    "run_index": "Int64",
    "turn": "int64",
    "response_kind": "category",
    "judged": "bool",
    "failed": "bool",
    "failed_dimensions": "list",
    "error_mode": "category",
    "error_mode_rule": "category",
    "error_mode_evidence": "str",
    "error_mode_runner_up": "category",
    "bucket": "category",
    "bucket_source": "category",
    "latency_ms": "float64",
    "ttfb_ms": "float64",
    "source_file": "category",
    "source_line": "int64",
    **TEXT_COLUMNS,
    **OF_REFERENCE,
    "error_mode_confidence": "category",
}
OF_FAILED_ROWS: Final = (
    "failed_dimensions",
    "error_mode",
    "error_mode_rule",
    "error_mode_evidence",
    "error_mode_runner_up",
    "error_mode_confidence",
    "bucket",
    "bucket_source",
)
"""Columns of `TURNS` that hold something on failed rows only."""
LOADED_TURNS: Final = {
    **{name: TURNS[name] for name in ("row_id", "comparison", "benchmark_name", "model_name", "run_id", "run_index")},
    **{name: TURNS[name] for name in ("turn", "latency_ms", "ttfb_ms", "source_file", "source_line", *TEXTS)},
    "scores": "str",
    "stored": "bool",
    "text_stored": "bool",
    "oracle_continuation": "str",
}
"""Turns as they are read; `scores` is JSON text, and so is what the harness says of an oracle, where it does.

`stored` is false where the row has neither a text nor calls.
"""
LIGHT_TURNS: Final = {name: kind for name, kind in TURNS.items() if name not in (*OF_FAILED_ROWS, *TEXTS)}
"""What is kept of every row in memory."""
FAILURES: Final = {name: kind for name, kind in TURNS.items() if name not in TEXTS}
"""What is kept of every failed row in memory, apart from its texts."""
TEXT_SIZES: Final = dict.fromkeys(TEXTS, "int64")
"""The size of each text in bytes."""
FAILURE_TEXTS: Final = {**TEXT_COLUMNS, "scores": "str"}
"""The texts of failed rows, and their scores as JSON text."""
LONG_SCORES: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "run_id": "category",
    "turn": "integer",
    "dimension": "category",
    "passed": "boolean",
}
"""Scores, the long table, as they are kept in memory."""
SCORE_ROWS: Final = {
    "row_id": "str",
    "comparison": "category",
    "benchmark_name": "category",
    "model_name": "category",
    "run_id": "category",
    "turn": "int64",
    "dimension": "category",
    "passed": "boolean",
}
"""Scores, the long table, for users and dashboards."""
MODEL_COUNTS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "runs": "int64",
    "rows_judged": "int64",
    "incomplete_rows": "int64",
    "failed_rows": "int64",
    "early_failed_rows": "int64",
    "model_ended_session": "int64",
    "model_ended_session_early": "int64",
    "empty_response": "int64",
    "expected_endings": "int64",
    "pipeline_losses": "int64",
    "tentative": "int64",
    "fail_rate": "float64",
}
PIPELINE_LOSSES: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "run_id": "category",
    "kind": "category",
    "turn": "Int64",
}
DIMENSION_COUNTS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "dimension": "category",
    "scored": "int64",
    "failed": "int64",
    "fail_rate": "float64",
}
ERROR_MODE_COUNTS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "error_mode": "category",
    "failed_rows": "int64",
    "share": "float64",
    "tentative": "int64",
}
BUCKET_COUNTS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "bucket": "category",
    "failed_rows": "int64",
    "reviewed": "int64",
    "provisional": "int64",
    "tentative": "int64",
    "own_rows": "int64",
    "major": "bool",
}
TURN_OUTCOMES: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "turn": "int64",
    "runs_judged": "int64",
    "runs_failed": "int64",
    "outcome": "category",
    "flaky": "bool",
}
TURN_DIFFICULTY: Final = {
    "benchmark_name": "category",
    "turn": "int64",
    "models": "int64",
    "models_judged": "int64",
    "models_failed": "int64",
    "runs_judged": "int64",
    "runs_failed": "int64",
    "comparable": "bool",
}
TURN_SETS: Final = {"benchmark_name": "category", "set": "category", "model_name": "category", "turn": "int64"}
REVIEWS: Final = {
    "row_id": "str",
    "provisional_mode": "category",
    "bucket": "category",
    "attribution": "category",
    "review_state": "category",
    "reviewers": "list",
}
TURN_METADATA: Final = {"benchmark_name": "category", "turn": "int64", "column": "category", "value": "category"}
CATEGORY_COUNTS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "column": "category",
    "value": "category",
    "rows_judged": "int64",
    "failed_rows": "int64",
    "fail_rate": "float64",
}
VERDICT_CANDIDATES: Final = {
    "row_id": "str",
    "benchmark_name": "category",
    "model_name": "category",
    "run_id": "category",
    "turn": "int64",
    "failed": "bool",
    "reason": "category",
}
SIGNS_OF_TEXT: Final = ("chat_template_tokens", "cut_off", "loop", "other_language")
SIGN_NAMES: Final = (*SIGNS_OF_TEXT, "far_longer", "far_shorter")
"""Signs of a broken response that need no judge."""
SIGN_FLAGS: Final = {**dict.fromkeys(SIGNS_OF_TEXT, "boolean"), "length": "integer"}
"""What is kept of the response of every row: the signs in its text, missing where not checked, and its characters."""
SIGNS: Final = {
    "benchmark_name": "category",
    "model_name": "category",
    "sign": "category",
    "rows": "int64",
    "failed_rows": "int64",
    "rows_without": "int64",
    "failed_without": "int64",
    "examples": "list",
}
COMPLAINTS: Final = {
    "row_id": "str",
    "benchmark_name": "category",
    "turn": "int64",
    "error_mode": "category",
    "judge_reasoning": "str",
}
"""Failed rows in whose reasoning recurring phrases are looked for."""
RECURRING: Final = {
    "benchmark_name": "category",
    "error_mode": "category",
    "phrase": "str",
    "failed_rows": "int64",
    "rows_read": "int64",
    "row_id": "str",
}
PACKET: Final = {
    "row_id": "str",
    "run_id": "category",
    "run_index": "Int64",
    "benchmark_name": "category",
    "model_name": "category",
    "turn": "int64",
    "failed_dimensions": "list",
    "error_mode_candidate": "category",
    "error_mode_rule": "category",
    "error_mode_evidence": "str",
    "error_mode_runner_up": "category",
    "response_kind": "category",
    "user_text": "str",
    "assistant_text": "str",
    "judge_reasoning": "str",
    "scores": "str",
    "tool_calls": "str",
    "tool_results": "str",
    "latency_ms": "float64",
    "ttfb_ms": "float64",
    "source": "str",
    **OF_REFERENCE,
    "error_mode_confidence": "category",
}

_ALSO: Final = {"integer": ("int64", "int32", "int16", "int8"), "list": ("object",)}


def conform(frame: pd.DataFrame, table: Columns) -> pd.DataFrame:
    """Return `frame` with the columns of `table` in their order.

    Raises `SchemaError` naming every column that is missing, extra or of another dtype: a stage made a mistake.
    """
    found = {name: str(kind) for name, kind in frame.dtypes.items()}
    faults = [f"no column {name}" for name in table if name not in found]
    faults += [f"extra column {name}" for name in found if name not in table]
    faults += [
        f"{name} is {found[name]}, not {kind}"
        for name, kind in table.items()
        if name in found and found[name] not in _ALSO.get(kind, (kind,))
    ]
    if faults:
        raise SchemaError("; ".join(faults))
    return frame[list(table)]


class SchemaError(TypeError):
    """A frame does not have the columns that its table declares."""


# --- Closed vocabularies -------------------------------------------------------------------------------------

ErrorMode = Literal[
    "premature_end_session",
    "empty_response",
    "partial_multi_tool_execution",
    "state_memory_failure",
    "ambiguity_handling_failure",
    "knowledge_grounding_error",
    "tool_or_action_selection_error",
    "other",
]
ERROR_MODES: Final[tuple[str, ...]] = get_args(ErrorMode)
OTHER: Final = "other"
Confidence = Literal["firm", "tentative"]
FIRM: Final = "firm"
TENTATIVE: Final = "tentative"

ResponseKind = Literal[
    "text",
    "tool_call_only",
    "no_text",
    "empty_response",
    "model_ended_session",
    "model_ended_session_early",
    "expected_ending",
    "not_stored",
]
RESPONSE_KINDS: Final[tuple[str, ...]] = get_args(ResponseKind)
NO_TEXT: Final = "no_text"
NO_TEXT_RULE: Final = "no-text-no-call"
"""The built-in rule that a blank response without a call is an empty one."""
ENDED: Final = "model_ended_session"
ENDED_EARLY: Final = "model_ended_session_early"
EMPTY_RESPONSE: Final = "empty_response"
EXPECTED_ENDING: Final = "expected_ending"
NOT_STORED: Final = "not_stored"

SENTINELS: Final = {
    ENDED_EARLY: ("[MODEL_ENDED_SESSION_EARLY]",),
    ENDED: ("[MODEL_ENDED_SESSION]",),
    EMPTY_RESPONSE: ("[EMPTY_RESPONSE", "[NO_RESPONSE"),
}
"""How a response begins that the harness marked, a reason may follow; the first that fits names its kind."""

INDEPENDENT_MODES: Final = ("rehydrated", "independent")
"""Modes of a run whose turns stand alone: their past is the reference's, not the run's."""
TURN_TAKING: Final = "turn_taking"
LossKind = Literal[
    "failed_turn",
    "runtime_excluded",
    "recovery_row",
    "duplicate",
    "realigned",
    "not_valid",
    "status",
]
LOSS_KINDS: Final[tuple[str, ...]] = get_args(LossKind)
MANUAL_STEM: Final = "manual_error_review"
MANUAL_CSV: Final = "manual_error_review.csv"
REVIEW_METADATA: Final = "review_metadata.json"
UNLIKE: Final = "its runs differ in"
"""How the note on a benchmark whose runs are not comparable begins."""
LOST_TURNS: Final = ("failed_turn", "runtime_excluded")
"""Kinds of pipeline losses that take a turn out of the counts."""

NO_PAYLOAD: Final = r'^\s*(?:null|false|\[\s*\]|\{\s*\}|"\s*")?\s*$'
"""Matches tool calls or results, as JSON text, that contain nothing."""

REVIEW: Final = "review"
NOT_JUDGED: Final = "not_judged"
TURN_SET_NAMES: Final = ("failed_by_all", "unique_fail", "unique_pass")
FAILED_BY_ALL, UNIQUE_FAIL, UNIQUE_PASS = TURN_SET_NAMES

CompareBy = Literal["model", "run"]
RepeatPolicy = Literal["majority", "any", "all"]
TurnsMode = Literal["auto", "independent"]
TableName = Literal[
    "model_counts",
    "dimension_counts",
    "error_mode_counts",
    "bucket_counts",
    "turn_outcomes",
    "turn_difficulty",
    "turn_sets",
    "hardest_turns",
    "pipeline_losses",
]
"""The counted tables of an Analysis."""
Severity = Literal["error", "warning", "info"]
Status = Literal["provisional", "in_review", "final", "not_judged"]

# --- Files of the analysis folder ----------------------------------------------------------------------------

REPORT_STEM: Final = "deep_error_analysis"
PACKET_JSONL: Final = "failure_review_rows.jsonl"
PACKET_CSV: Final = "failure_review_rows.csv"
ANALYSIS_JSON: Final = "analysis.json"
REJECTED_ROWS: Final = "rejected_rows.jsonl"
LOCAL_JSON: Final = "local.json"
WORKBOOK: Final = "error_analysis.xlsx"
MAKE_OPTIONS: Final = "make_options"
DEPENDENCIES: Final = "inputs.d"
TURN_METADATA_PARQUET: Final = "tables/turn_metadata.parquet"
SIGNS_PARQUET: Final = "tables/signs.parquet"
RECURRING_PARQUET: Final = "tables/recurring.parquet"
VERDICT_CANDIDATES_PARQUET: Final = "tables/verdict_candidates.parquet"
TURNS_PARQUET: Final = "tables/turns.parquet"
SCORES_PARQUET: Final = "tables/scores.parquet"
LOSSES_PARQUET: Final = "tables/pipeline_losses.parquet"
