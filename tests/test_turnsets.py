"""Turn outcomes, comparable turns, sets, hardest turns, and major buckets: the definitions to the letter."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pipeline.ledger.buckets import Buckets
from pipeline.load.records import RunInput
from pipeline.stages import stats, turnsets
from pipeline.stages.compared import compared_by, compared_units

PASS, FAIL, NONE = "p", "f", "-"
KINDS = {"turn": "int64", "judged": "bool", "failed": "bool", "passed": "boolean"}


def frame_of(columns, rows):
    """Build a frame as the pipeline holds it: texts that repeat are categoricals."""
    data = {}
    for position, name in enumerate(columns):
        values = [row[position] for row in rows]
        kind = KINDS.get(name) or pd.CategoricalDtype(pd.Series(values, dtype="str").dropna().unique())
        data[name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(data)


def units_of(runs):
    """Compare the models of some runs, each given as (benchmark, model, run)."""
    return compared_units([RunInput(run, model, benchmark, "", "", 0) for benchmark, model, run in runs], "model")


def unchanged(stage, *given):
    """Call a stage and check that it leaves alone the frames that it is given."""
    before = [each.copy(deep=True) if isinstance(each, pd.DataFrame) else each for each in given]
    result = stage(*given)
    for now, was in zip(given, before, strict=True):
        if isinstance(now, pd.DataFrame):
            assert_frame_equal(now, was)
    return result


def records(frame):
    return frame.to_dict("records")


def outcomes_of(runs, policy="majority"):
    """Compare `{(benchmark, model, run): "pf-"}`; a letter per turn, a blank for a missing row."""
    rows = [
        (benchmark, model, run, turn, mark != NONE, mark == FAIL)
        for (benchmark, model, run), marks in runs.items()
        for turn, mark in enumerate(marks)
        if mark != " "
    ]
    turns = frame_of(["benchmark_name", "model_name", "run_id", "turn", "judged", "failed"], rows)
    units = units_of(runs)
    return unchanged(turnsets.turn_outcomes, unchanged(compared_by, turns, units, "model"), units, policy)


def difficulty_of(runs, policy="majority"):
    return unchanged(turnsets.turn_difficulty, outcomes_of(runs, policy))


def one_model(marks, policy="majority"):
    """Judge one turn once per letter, as repeats of one model; give its outcome row."""
    (row,) = records(outcomes_of({("b", "m", f"r{i}"): mark for i, mark in enumerate(marks)}, policy))
    return row


def sets_of(runs):
    found = {}
    for row in records(unchanged(turnsets.turn_sets, outcomes_of(runs))):
        found.setdefault((row["set"], row["model_name"]), []).append(row["turn"])
    return found


@pytest.mark.parametrize(
    ("marks", "policy", "outcome"),
    [
        ("pf", "majority", "failed"),  # a tie fails
        ("ppf", "majority", "passed"),
        ("pff", "majority", "failed"),
        ("ppff", "majority", "failed"),
        ("p", "majority", "passed"),
        ("f", "majority", "failed"),
        ("ppf", "any", "failed"),
        ("ppp", "any", "passed"),
        ("ffp", "all", "passed"),
        ("fff", "all", "failed"),
        ("f--", "majority", "failed"),  # what was not judged counts on neither side
        ("p--", "any", "passed"),
        ("f--", "all", "failed"),
        ("pf-", "majority", "failed"),
        ("---", "majority", "not_judged"),
        ("---", "any", "not_judged"),
        ("---", "all", "not_judged"),
    ],
)
def test_repeats_become_one_outcome_by_the_policy(marks, policy, outcome):
    assert one_model(marks, policy)["outcome"] == outcome


@pytest.mark.parametrize(
    ("marks", "flaky"), [("pf", True), ("ppf", True), ("ff", False), ("pp", False), ("f-", False), ("--", False)]
)
def test_flaky_means_that_some_but_not_all_judged_runs_failed(marks, flaky):
    row = one_model(marks)
    assert row["flaky"] is flaky
    assert row["runs_judged"] == len(marks.replace("-", ""))
    assert row["runs_failed"] == marks.count("f")


@settings(max_examples=20)
@given(st.text(alphabet="pf-", min_size=1, max_size=6))
def test_any_fails_whatever_majority_fails_and_majority_whatever_all_fails(marks):
    fails = [one_model(marks, policy)["outcome"] == "failed" for policy in ("all", "majority", "any")]
    assert fails == sorted(fails)


def test_a_turn_that_a_model_has_no_row_for_is_not_judged_for_it():
    outcomes = records(outcomes_of({("b", "m", "r"): "pp", ("b", "n", "s"): "p "}))
    found = {(row["model_name"], row["turn"]): row["outcome"] for row in outcomes}
    assert found == {("m", 0): "passed", ("m", 1): "passed", ("n", 0): "passed", ("n", 1): "not_judged"}


def test_a_turn_is_comparable_when_every_model_has_a_judged_row():
    difficulty = difficulty_of(
        {("b", "m", "r1"): "p-fp", ("b", "m", "r2"): "p-- ", ("b", "n", "s"): "fp- "},
    )
    assert {row["turn"]: row["comparable"] for row in records(difficulty)} == {
        0: True,
        1: False,  # m has rows, none judged
        2: False,  # n's row is incomplete
        3: False,  # n has no row
    }


@pytest.mark.parametrize("policy", ["majority", "any", "all"])
def test_a_model_without_a_judged_run_of_a_turn_is_not_counted_as_failing_it(policy):
    difficulty = difficulty_of({("b", "m", "r"): "-f ", ("b", "n", "s"): "pff"}, policy)
    assert difficulty["models_judged"].tolist() == [1, 2, 1]
    assert difficulty["models_failed"].tolist() == [0, 2, 1]


def test_the_sets_hold_comparable_turns_only():
    assert sets_of(
        {
            ("b", "m", "r"): "ffpff",
            ("b", "n", "s"): "fpff-",
            ("b", "o", "t"): "fpff ",
        }
    ) == {
        ("failed_by_all", ""): [0, 3],
        ("unique_fail", "m"): [1],
        ("unique_pass", "m"): [2],
    }


def test_with_two_models_one_failing_alone_is_the_other_passing_alone():
    assert sets_of({("b", "m", "r"): "fp", ("b", "n", "s"): "pp"}) == {
        ("unique_fail", "m"): [0],
        ("unique_pass", "n"): [0],
    }


def test_one_model_has_no_sets():
    assert sets_of({("b", "m", "r1"): "fpf", ("b", "m", "r2"): "fff"}) == {}


def test_benchmarks_are_never_mixed():
    runs = {
        ("b1", "m", "r1"): "ff",
        ("b1", "n", "r2"): "pf",
        ("b2", "m", "r3"): "ppf",
    }
    assert sets_of(runs) == {
        ("failed_by_all", ""): [1],
        ("unique_fail", "m"): [0],
        ("unique_pass", "n"): [0],
    }
    difficulty = difficulty_of(runs)
    assert difficulty["benchmark_name"].tolist() == ["b1", "b1", "b2", "b2", "b2"]
    assert difficulty["runs_judged"].tolist() == [2, 2, 1, 1, 1]
    assert all(difficulty["comparable"].tolist())  # n is no model of b2


BENCHMARK = st.lists(
    st.lists(st.text(alphabet="pf- ", min_size=14, max_size=14), min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


@given(BENCHMARK)
def test_hardest_turns_are_the_first_ten_by_models_then_runs_failing_then_number(models):
    runs = {("b", f"m{i}", f"r{i}.{j}"): marks for i, repeats in enumerate(models) for j, marks in enumerate(repeats)}
    difficulty = difficulty_of(runs)
    ranked = []
    for turn in range(14):
        judged = [[r[turn] for r in repeats if r[turn] in "pf"] for repeats in models]
        if all(judged):
            failing = sum(2 * marks.count("f") >= len(marks) for marks in judged)
            pooled = [mark for marks in judged for mark in marks]
            ranked.append((-failing / len(models), -pooled.count("f") / len(pooled), turn, failing))
    ranked.sort()
    hardest = unchanged(turnsets.hardest_turns, difficulty)
    assert hardest["turn"].tolist() == [turn for _, _, turn, _ in ranked[:10]]
    assert hardest["models_failed"].tolist() == [failing for *_, failing in ranked[:10]]


# --- Rates and shares ----------------------------------------------------------------------------------------


def test_the_fail_rate_of_what_was_never_scored_is_missing():
    run = ("b", "m", "r")
    rows = [(*run, "tool", True), (*run, "tool", False), (*run, "tool", None), (*run, "kb", None)]
    scores = frame_of(["benchmark_name", "model_name", "run_id", "dimension", "passed"], rows)
    tool, kb = records(unchanged(stats.dimension_counts, scores, units_of([run])))
    assert (tool["dimension"], tool["scored"], tool["failed"], tool["fail_rate"]) == ("tool", 2, 1, 0.5)
    assert (kb["dimension"], kb["scored"], kb["failed"]) == ("kb", 0, 0)
    assert pd.isna(kb["fail_rate"])


def majors_of(sizes, early=None):
    """Give the major buckets of one model that has failed rows of these sizes, largest first."""
    run = ("b", "m", "r")
    rows = [
        (*run, bucket, "rule", kind, "firm", True)
        for kind, of in (("text", sizes), ("model_ended_session_early", early or {}))
        for bucket, n in of.items()
        for _ in range(n)
    ] + [(*run, None, None, "text", None, False)] * 1000
    names = ["benchmark_name", "model_name", "run_id", "bucket", "bucket_source", "response_kind"]
    columns = [*names, "error_mode_confidence", "failed"]
    turns = frame_of(columns, rows)
    counts = unchanged(stats.bucket_counts, turns[turns["failed"]], units_of([run]), Buckets())
    return {row["bucket"]: row["own_rows"] for row in records(counts) if row["major"]}


@given(st.lists(st.sampled_from([("b", "m"), ("b", "n"), ("c", "m")]), min_size=1), st.data())
def test_shares_of_error_modes_sum_to_one_per_model(keys, data):
    modes = [data.draw(st.sampled_from(["other", "empty_response", "state_memory_failure"])) for _ in keys]
    runs = [(benchmark, model, f"{benchmark}.{model}") for benchmark, model in keys]
    sure = [data.draw(st.sampled_from(["firm", "tentative"])) for _ in keys]
    rows = [(*run, mode, how, True) for run, mode, how in zip(runs, modes, sure, strict=True)]
    units = units_of(dict.fromkeys(runs))
    columns = ["benchmark_name", "model_name", "run_id", "error_mode", "error_mode_confidence", "failed"]
    failures = frame_of(columns, rows)
    counts = records(unchanged(stats.error_mode_counts, compared_by(failures, units, "model"), units))
    shares = dict.fromkeys(keys, 0.0)
    for row in counts:
        shares[row["benchmark_name"], row["model_name"]] += row["share"]
    assert list(shares.values()) == pytest.approx([1.0] * len(set(keys)))
    assert sum(row["failed_rows"] for row in counts) == len(keys)
    assert sum(row["tentative"] for row in counts) == sure.count("tentative")


@pytest.mark.parametrize(
    ("sizes", "major"),
    [
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"a": 90, "b": 5, "c": 3, "d": 2}, {"a": 90, "b": 5, "c": 3}),  # the three largest
        ({"a": 90, "b": 4, "c": 3, "d": 3}, {"a": 90, "b": 4, "c": 3, "d": 3}),  # ties for third included
        ({"a": 40, "b": 30, "c": 20, "d": 10}, {"a": 40, "b": 30, "c": 20, "d": 10}),  # a tenth exactly
        ({"a": 40, "b": 30, "c": 21, "d": 9}, {"a": 40, "b": 30, "c": 21}),
        ({"a": 2, "b": 2, "c": 2, "d": 2, "e": 2}, {"a": 2, "b": 2, "c": 2, "d": 2, "e": 2}),
    ],
)
def test_major_buckets_are_the_three_largest_with_ties_or_a_tenth(sizes, major):
    found = majors_of(sizes)
    assert found == major
    assert list(found) == list(major)


def test_rows_filled_in_after_an_ending_make_no_bucket_major():
    early = {"premature_end_session": 500}
    assert majors_of({"a": 40, "b": 30, "c": 19, "d": 11}, early) == {"a": 40, "b": 30, "c": 19, "d": 11}
    assert majors_of({"a": 1, "premature_end_session": 1}, early) == {"a": 1, "premature_end_session": 1}
    assert majors_of({}, early) == {}
