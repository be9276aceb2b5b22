"""The analysis as Python users have it: ordinary frames, and what makes other shapes of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from builders import failing, row, write_run
from pandas.testing import assert_frame_equal
from recount import is_failed, is_judged, judged_rows, listed_runs, model_outcome, write_runs

from pipeline import Analysis, analyze

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
NAMES = ("clinic_three_models", "library_repeats")
TEXTS = ["user_text", "assistant_text", "judge_reasoning", "tool_calls", "tool_results"]


@pytest.fixture(scope="module")
def samples():
    return {name: analyze(SAMPLES / name) for name in NAMES}


@pytest.fixture
def two_benchmarks(tmp_path):
    """Benchmark `long` has turns 0 to 3 and two models, `short` has turns 0 and 7 and one of them."""
    runs = {
        ("long", "zeta", "z"): [row(0), failing(1), row(2), row(3)],
        ("long", "alpha", "a"): [failing(0), row(1, {"tool_use_correct": None}), row(2)],
        ("short", "zeta", "zs"): [failing(0), row(7)],
    }
    return analyze(write_runs(tmp_path, runs))


def cells_of(matrix):
    """Give the cells of a matrix of outcomes, `None` where one is missing."""
    return [[None if pd.isna(cell) else cell for cell in line] for line in matrix.to_numpy().tolist()]


# --- Turn outcomes as a matrix -------------------------------------------------------------------------------


def test_outcomes_have_a_row_per_benchmark_and_model_in_input_order_and_a_column_per_turn(two_benchmarks):
    matrix = two_benchmarks.outcomes()
    assert list(matrix.index.names) == ["benchmark_name", "model_name"]
    assert matrix.index.tolist() == [("long", "zeta"), ("long", "alpha"), ("short", "zeta")]
    assert (matrix.columns.name, matrix.columns.tolist()) == ("turn", [0, 1, 2, 3, 7])
    assert cells_of(matrix) == [
        ["passed", "failed", "passed", "passed", None],
        ["failed", "not_judged", "passed", "not_judged", None],
        ["failed", None, None, None, "passed"],
    ]


def test_outcomes_of_one_benchmark_have_its_models_and_its_turns_alone(two_benchmarks):
    matrix = two_benchmarks.outcomes("long")
    assert (matrix.index.name, matrix.index.tolist()) == ("model_name", ["zeta", "alpha"])
    assert matrix.columns.tolist() == [0, 1, 2, 3]
    assert cells_of(matrix) == [
        ["passed", "failed", "passed", "passed"],
        ["failed", "not_judged", "passed", "not_judged"],
    ]
    assert cells_of(two_benchmarks.outcomes("short")) == [["failed", "passed"]]


def test_outcomes_of_a_benchmark_that_is_not_there_are_refused(two_benchmarks):
    with pytest.raises(KeyError, match="medium"):
        two_benchmarks.outcomes("medium")


@pytest.mark.parametrize("sample", NAMES)
def test_outcomes_of_the_samples_are_those_counted_again(samples, sample):
    models = {}
    for run in listed_runs(SAMPLES / sample):
        models.setdefault(run.model, []).append(judged_rows(run))
    turns = sorted({turn for runs in models.values() for rows in runs for turn in rows})
    (benchmark,) = samples[sample].benchmarks
    matrix = samples[sample].outcomes(benchmark)
    assert matrix.index.tolist() == list(models)
    assert matrix.columns.tolist() == turns
    assert cells_of(matrix) == [[model_outcome(runs, turn, "majority") for turn in turns] for runs in models.values()]
    assert cells_of(samples[sample].outcomes()) == cells_of(matrix)


def test_outcomes_compare_runs_when_runs_are_compared():
    analysis = analyze(SAMPLES / "library_repeats", compare_by="run")
    (benchmark,) = analysis.benchmarks
    assert analysis.outcomes(benchmark).index.tolist() == [run.run_id for run in analysis.inputs]


# --- Tool calls and texts ------------------------------------------------------------------------------------


CALLS = [{"name": "book", "args": {"day": 3, "note": "é", "more": [1, None, True]}}, {"name": "cancel", "args": {}}]


def test_tool_calls_are_python_objects_in_the_order_asked(tmp_path):
    rows = [row(0, tool_calls=CALLS), failing(1, tool_calls=CALLS[1:]), row(2)]
    analysis = analyze(run_dir=write_run(tmp_path / "b" / "r", rows))
    calls = analysis.tool_calls(["r:2", "r:1", "r:0"])
    assert (calls.index.name, calls.index.tolist()) == ("row_id", ["r:2", "r:1", "r:0"])
    assert calls.tolist() == [[], CALLS[1:], CALLS]
    assert analysis.tool_calls("r:0").tolist() == [CALLS]
    assert analysis.tool_calls([]).tolist() == []


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_a_row_without_tool_calls_has_an_empty_list(tmp_path, nothing):
    run = write_run(tmp_path / "b" / "r", [row(0, tool_calls=nothing), row(1, tool_calls=CALLS)])
    assert analyze(run_dir=run).tool_calls(["r:0", "r:1"]).tolist() == [[], CALLS]


def test_tool_calls_of_a_row_that_is_not_there_are_refused(samples):
    with pytest.raises(KeyError, match="no-run:1"):
        samples["library_repeats"].tool_calls(["no-run:1"])


@pytest.mark.parametrize("sample", NAMES)
def test_tool_calls_of_the_samples_are_those_of_the_files(samples, sample):
    expected = {
        f"{run.run_id}:{turn}": judged["tool_calls"] or []
        for run in listed_runs(SAMPLES / sample)
        for turn, judged in judged_rows(run).items()
    }
    assert samples[sample].tool_calls(expected).to_dict() == expected
    assert any(expected.values())


def test_texts_of_one_row_are_asked_for_by_its_id_alone(samples):
    analysis = samples["library_repeats"]
    one = analysis.texts("tern-1_run1:1")
    assert one.index.tolist() == ["tern-1_run1:1"]
    assert_frame_equal(one, analysis.texts(["tern-1_run1:1"]))


@pytest.mark.parametrize("sample", NAMES)
def test_texts_are_strings_and_those_that_the_turns_have(samples, sample):
    turns = samples[sample].turns
    failed = turns[turns["failed"]].set_index("row_id")[TEXTS]
    texts = samples[sample].texts(failed.index)
    assert_frame_equal(texts, failed)
    assert set(texts.dtypes.astype("str")) == {"str"}


# --- Counts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", NAMES)
def test_the_fail_rate_is_of_the_judged_rows(samples, sample):
    counts = samples[sample].model_counts.set_index("model_name")
    rows = {}
    for run in listed_runs(SAMPLES / sample):
        rows.setdefault(run.model, []).extend(judged_rows(run).values())
    expected = {model: sum(map(is_failed, each)) / sum(map(is_judged, each)) for model, each in rows.items()}
    assert counts["fail_rate"].to_dict() == pytest.approx(expected)


def test_the_fail_rate_is_missing_where_nothing_was_judged(tmp_path):
    runs = {
        ("b", "unjudged", "u"): [row(0, {"tool_use_correct": None}), row(1, {})],
        ("b", "passing", "p"): [row(0), row(1)],
        ("b", "failing", "f"): [failing(0), row(1), row(2, {}), row(3)],
    }
    counts = analyze(write_runs(tmp_path, runs)).model_counts.set_index("model_name")
    assert counts["fail_rate"].isna().to_dict() == {"unjudged": True, "passing": False, "failing": False}
    assert counts["fail_rate"].dropna().tolist() == [0, 1 / 3]
    assert counts["rows_judged"].tolist() == [0, 2, 3]
    assert counts["incomplete_rows"].tolist() == [2, 0, 1]


# --- The long tables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", NAMES)
def test_scores_are_one_row_per_run_turn_and_dimension_with_categories_in_input_order(samples, sample):
    scores = samples[sample].scores
    expected = [
        (run.benchmark, run.model, run.run_id, turn, dimension, passed)
        for run in listed_runs(SAMPLES / sample)
        for turn, judged in judged_rows(run).items()
        for dimension, passed in judged["scores"].items()
    ]
    keys = ["benchmark_name", "model_name", "run_id", "turn", "dimension"]
    assert list(scores[keys].itertuples(index=False, name=None)) == [each[:5] for each in expected]
    assert [None if pd.isna(passed) else passed for passed in scores["passed"]] == [each[5] for each in expected]
    for position, name in enumerate(keys):
        if name != "turn":
            assert isinstance(scores[name].dtype, pd.CategoricalDtype)
            assert scores[name].cat.categories.tolist() == list(dict.fromkeys(each[position] for each in expected))
    assert scores["passed"].dtype == pd.BooleanDtype()
    assert scores["turn"].dtype == "int64"
    assert scores["comparison"].cat.categories.tolist() == [sample]


def test_scores_pivot_to_a_fail_rate_per_model_and_dimension(samples):
    analysis = samples["clinic_three_models"]
    rates = analysis.scores.pivot_table(index="model_name", columns="dimension", values="passed", observed=True)
    counts = analysis.dimension_counts.dropna(subset="fail_rate")
    expected = {(each.model_name, each.dimension): 1 - each.fail_rate for each in counts.itertuples()}
    assert {key: rates.loc[key] for key in expected} == pytest.approx(expected)
    assert rates.notna().sum(axis=None) == len(expected)


@pytest.mark.parametrize("sample", NAMES)
def test_turns_have_plain_flags_and_repeated_strings_as_categoricals(samples, sample):
    turns = samples[sample].turns
    kinds = turns.dtypes.astype("str").to_dict()
    assert {name for name, kind in kinds.items() if kind == "category"} == {
        "comparison",
        "benchmark_name",
        "model_name",
        "run_id",
        "response_kind",
        "error_mode",
        "error_mode_rule",
        "error_mode_runner_up",
        "error_mode_confidence",
        "bucket",
        "bucket_source",
        "source_file",
        "golden_text",
        "expected_calls",
        "call_check",
    }
    assert [kinds[name] for name in ("judged", "failed", "run_index", "turn")] == ["bool", "bool", "Int64", "int64"]
    assert [kinds[name] for name in ("latency_ms", "ttfb_ms")] == ["float64", "float64"]
    assert turns["failed_dimensions"].map(len).gt(0).tolist() == turns["failed"].tolist()
    assert turns.index.tolist() == list(range(len(turns)))
    assert turns["row_id"].is_unique


def test_excluded_dimensions_are_in_no_table():
    analysis = analyze(SAMPLES / "clinic_three_models", exclude_dimension="kb_grounding")
    assert "kb_grounding" not in analysis.included_dimensions
    assert "kb_grounding" not in set(analysis.scores["dimension"])
    assert "kb_grounding" not in set(analysis.dimension_counts["dimension"])
    assert not analysis.turns["failed_dimensions"].map(lambda names: "kb_grounding" in names).any()


# --- The analysis itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", NAMES)
def test_the_analysis_into_a_folder_and_in_memory_has_the_same_tables(samples, sample, tmp_path):
    written = analyze(SAMPLES / sample, output=tmp_path / "out")
    assert isinstance(written, Analysis)
    for name in ("turns", "scores", "packet", "reviews", "model_counts", "bucket_counts", "turn_sets"):
        assert_frame_equal(getattr(written, name), getattr(samples[sample], name), obj=name)
    assert repr(written) == repr(samples[sample])


def test_a_table_that_the_user_changes_does_not_change_the_others(tmp_path):
    analysis = analyze(run_dir=write_run(tmp_path / "b" / "r", [failing(0), row(1)]))
    packet, outcomes, texts = analysis.packet, analysis.outcomes(), analysis.texts("r:0")
    packet["turn"], outcomes[0], texts["user_text"] = 9, "other", "other"
    assert analysis.packet["turn"].tolist() == [0]
    assert analysis.outcomes()[0].tolist() == ["failed"]
    assert analysis.texts("r:0")["user_text"].tolist() == ["question 0"]
    assert analysis.turns["turn"].tolist() == [0, 1]
