"""Every column name, dtype, key and closed vocabulary, as data."""

from __future__ import annotations

from typing import Final, Literal, get_args

SCHEMA_VERSION: Final = 1

# --- Columns -----------------------------------------------------------------------------------------------

ROW_ID: Final = "row_id"
COMPARISON: Final = "comparison"
BENCHMARK: Final = "benchmark_name"
MODEL: Final = "model_name"
RUN_ID: Final = "run_id"
RUN_INDEX: Final = "run_index"
RUN_DIR: Final = "run_dir"
TURN: Final = "turn"
RESPONSE_KIND: Final = "response_kind"
JUDGED: Final = "judged"
FAILED: Final = "failed"
FAILED_DIMENSIONS: Final = "failed_dimensions"
ERROR_MODE: Final = "error_mode"
ERROR_MODE_RULE: Final = "error_mode_rule"
ERROR_MODE_EVIDENCE: Final = "error_mode_evidence"
ERROR_MODE_RUNNER_UP: Final = "error_mode_runner_up"
"""The mode that had most for it after the error mode: where the two are close, the reviewer decides."""
ERROR_MODE_CANDIDATE: Final = "error_mode_candidate"
BUCKET: Final = "bucket"
BUCKET_SOURCE: Final = "bucket_source"
LATENCY_MS: Final = "latency_ms"
TTFB_MS: Final = "ttfb_ms"
SOURCE_FILE: Final = "source_file"
SOURCE_LINE: Final = "source_line"
SOURCE: Final = "source"
USER_TEXT: Final = "user_text"
ASSISTANT_TEXT: Final = "assistant_text"
JUDGE_REASONING: Final = "judge_reasoning"
TOOL_CALLS: Final = "tool_calls"
TOOL_RESULTS: Final = "tool_results"
SCORES: Final = "scores"
SCORES_JSON: Final = "scores_json"
TOOL_CALLS_JSON: Final = "tool_calls_json"
TOOL_RESULTS_JSON: Final = "tool_results_json"
DIMENSION: Final = "dimension"
PASSED: Final = "passed"
SCORED: Final = "scored"
FAIL_RATE: Final = "fail_rate"
FAILED_ROWS: Final = "failed_rows"
SHARE: Final = "share"
RUNS: Final = "runs"
RUNS_JUDGED: Final = "runs_judged"
RUNS_FAILED: Final = "runs_failed"
OUTCOME: Final = "outcome"
FLAKY: Final = "flaky"
SET: Final = "set"
ROWS_JUDGED: Final = "rows_judged"
INCOMPLETE_ROWS: Final = "incomplete_rows"

PROVISIONAL_MODE: Final = "provisional_mode"
ATTRIBUTION: Final = "attribution"
REVIEW_STATE: Final = "review_state"
REVIEWERS: Final = "reviewers"

# Columns of the tables that only an Analysis has.
EARLY_FAILED_ROWS: Final = "early_failed_rows"
"""Failed rows that the harness filled in after the session had ended: consequences, not new mistakes."""
REVIEWED: Final = "reviewed"
PROVISIONAL: Final = "provisional"
OWN_ROWS: Final = "own_rows"
"""Failed rows without those that were filled in after the session had ended."""
MAJOR: Final = "major"
MODELS: Final = "models"
MODELS_JUDGED: Final = "models_judged"
MODELS_FAILED: Final = "models_failed"
COMPARABLE: Final = "comparable"
POSITION: Final = "position"
"""Where a row stands among the failed ones."""
DIMENSIONS: Final = "dimensions"
"""Per row as read, the judge's dimensions in data order (a list, parallel to `PASSES`)."""
PASSES: Final = "passes"
"""Per row as read, true, false or null for each of `DIMENSIONS`."""

TEXTS: Final = (USER_TEXT, ASSISTANT_TEXT, JUDGE_REASONING, TOOL_CALLS, TOOL_RESULTS)

# --- Tables: column -> type, in the words of Arrow -----------------------------------------------------------

TURNS: Final = {
    ROW_ID: "string",
    COMPARISON: "string",
    BENCHMARK: "string",
    MODEL: "string",
    RUN_ID: "string",
    RUN_INDEX: "int64",
    TURN: "int64",
    RESPONSE_KIND: "string",
    JUDGED: "bool",
    FAILED: "bool",
    FAILED_DIMENSIONS: "list<string>",
    ERROR_MODE: "string",
    ERROR_MODE_RULE: "string",
    ERROR_MODE_EVIDENCE: "string",
    ERROR_MODE_RUNNER_UP: "string",
    BUCKET: "string",
    BUCKET_SOURCE: "string",
    LATENCY_MS: "double",
    TTFB_MS: "double",
    SOURCE_FILE: "string",
    SOURCE_LINE: "int64",
    USER_TEXT: "string",
    ASSISTANT_TEXT: "string",
    JUDGE_REASONING: "string",
    TOOL_CALLS: "string",
    TOOL_RESULTS: "string",
}
SCORE_ROWS: Final = {
    ROW_ID: "string",
    COMPARISON: "string",
    BENCHMARK: "string",
    MODEL: "string",
    RUN_ID: "string",
    TURN: "int64",
    DIMENSION: "string",
    PASSED: "bool",
}
DIMENSION_COUNTS: Final = {
    BENCHMARK: "string",
    MODEL: "string",
    DIMENSION: "string",
    SCORED: "int64",
    FAILED: "int64",
    FAIL_RATE: "double",
}
ERROR_MODE_COUNTS: Final = {
    BENCHMARK: "string",
    MODEL: "string",
    ERROR_MODE: "string",
    FAILED_ROWS: "int64",
    SHARE: "double",
}
TURN_OUTCOMES: Final = {
    BENCHMARK: "string",
    MODEL: "string",
    TURN: "int64",
    RUNS_JUDGED: "int64",
    RUNS_FAILED: "int64",
    OUTCOME: "string",
    FLAKY: "bool",
}
REVIEWS: Final = {
    ROW_ID: "string",
    PROVISIONAL_MODE: "string",
    BUCKET: "string",
    ATTRIBUTION: "string",
    REVIEW_STATE: "string",
    REVIEWERS: "list<string>",
}
TURN_SETS: Final = {BENCHMARK: "string", SET: "string", MODEL: "string", TURN: "int64"}

PACKET_COLUMNS: Final = (
    ROW_ID,
    RUN_ID,
    RUN_INDEX,
    BENCHMARK,
    MODEL,
    TURN,
    FAILED_DIMENSIONS,
    ERROR_MODE_CANDIDATE,
    ERROR_MODE_RULE,
    ERROR_MODE_EVIDENCE,
    ERROR_MODE_RUNNER_UP,
    RESPONSE_KIND,
    USER_TEXT,
    ASSISTANT_TEXT,
    JUDGE_REASONING,
    SCORES,
    TOOL_CALLS,
    TOOL_RESULTS,
    LATENCY_MS,
    TTFB_MS,
    SOURCE,
)

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

ResponseKind = Literal[
    "text",
    "tool_call_only",
    "no_text",
    "empty_response",
    "model_ended_session",
    "model_ended_session_early",
]
RESPONSE_KINDS: Final[tuple[str, ...]] = get_args(ResponseKind)
TEXT: Final = "text"
TOOL_CALL_ONLY: Final = "tool_call_only"
NO_TEXT: Final = "no_text"
ENDED: Final = "model_ended_session"
ENDED_EARLY: Final = "model_ended_session_early"
EMPTY_RESPONSE: Final = "empty_response"

SENTINELS: Final = {
    ENDED_EARLY: "[MODEL_ENDED_SESSION_EARLY]",
    ENDED: "[MODEL_ENDED_SESSION]",
    EMPTY_RESPONSE: "[EMPTY_RESPONSE",
}
"""How a response begins that the harness marked; the first that fits names its kind."""

NO_PAYLOAD: Final = r'^\s*(?:null|false|\[\s*\]|\{\s*\}|"\s*")?\s*$'
"""Matches tool calls or results, as JSON text, that contain nothing."""

RULE: Final = "rule"
REVIEW: Final = "review"
TURN_FAILED: Final = "failed"
TURN_PASSED: Final = "passed"
NOT_JUDGED: Final = "not_judged"
TURN_SET_NAMES: Final = ("failed_by_all", "unique_fail", "unique_pass")
FAILED_BY_ALL, UNIQUE_FAIL, UNIQUE_PASS = TURN_SET_NAMES

CompareBy = Literal["model", "run"]
RepeatPolicy = Literal["majority", "any", "all"]
TableName = Literal[
    "model_counts",
    "dimension_counts",
    "error_mode_counts",
    "bucket_counts",
    "turn_outcomes",
    "turn_difficulty",
    "turn_sets",
    "hardest_turns",
]
"""The counted tables of an Analysis."""
Severity = Literal["error", "warning", "info"]
Status = Literal["provisional", "in_review", "final"]

# --- Files of the analysis folder ----------------------------------------------------------------------------

REPORT_STEM: Final = "deep_error_analysis"
PACKET_JSONL: Final = "failure_review_rows.jsonl"
PACKET_CSV: Final = "failure_review_rows.csv"
ANALYSIS_JSON: Final = "analysis.json"
REJECTED_ROWS: Final = "rejected_rows.jsonl"
LOCAL_JSON: Final = "local.json"
DEPENDENCIES: Final = "inputs.d"
TURNS_PARQUET: Final = "tables/turns.parquet"
SCORES_PARQUET: Final = "tables/scores.parquet"
