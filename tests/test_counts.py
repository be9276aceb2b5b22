"""Every number of `analysis.json`, against an independent recount of the same files."""

from __future__ import annotations

import tempfile
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from builders import row
from hypothesis import given, settings
from hypothesis import strategies as st
from recount import listed_runs, recount, write_runs

from pipeline import analyze
from pipeline.errors import InputError
from pipeline.export.formats.analysis_json import as_object

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
NAMES = ("clinic_three_models", "library_repeats")
EXCLUDED = ((), ("tool_use_correct",), ("instruction_following", "kb_grounding"))
COUNTS = (
    "runs",
    "rows_judged",
    "incomplete_rows",
    "failed_rows",
    "model_ended_session",
    "model_ended_session_early",
    "empty_response",
    "failed_dimensions",
    "scored_dimensions",
)


def benchmarks_of(analysis):
    """Give the `benchmarks` of `analysis.json` without what no recount can give: what rules and texts say."""
    found = as_object(analysis)["benchmarks"]
    for benchmark in found.values():
        benchmark.pop("signs", None)
        benchmark.pop("recurring", None)
        for model in benchmark["models"].values():
            modes = model.pop("error_modes")
            buckets = model.pop("buckets")
            assert 0 <= model.pop("tentative") <= model["failed_rows"]
            assert sum(modes.values()) == model["failed_rows"]
            assert buckets == {mode: {"reviewed": 0, "provisional": n} for mode, n in modes.items()}
            assert all(modes.values())
    return found


@cache
def sample_analysis(name, compare_by, policy, excluded):
    return analyze(SAMPLES / name, compare_by=compare_by, repeat_policy=policy, exclude_dimension=excluded)


@pytest.mark.parametrize("excluded", EXCLUDED, ids=lambda names: "+".join(names) or "nothing")
@pytest.mark.parametrize(("compare_by", "policy"), [*product(("model", "run"), ("majority", "any", "all"))])
@pytest.mark.parametrize("name", NAMES)
def test_the_samples_count_as_a_recount_does(name, compare_by, policy, excluded):
    analysis = sample_analysis(name, compare_by, policy, excluded)
    assert benchmarks_of(analysis) == recount(listed_runs(SAMPLES / name), compare_by, policy, excluded)
    assert not set(analysis.included_dimensions) & set(excluded)


def test_the_samples_hold_something_to_count():
    clinic, library = (recount(listed_runs(SAMPLES / name)) for name in NAMES)
    assert sum(m["failed_rows"] for m in clinic["clinic_desk_30"]["models"].values()) == 33
    assert clinic["clinic_desk_30"]["failed_by_all"]
    assert library["library_desk_20"]["unique_fail"]["tern-1"]


# --- Any small comparison ------------------------------------------------------------------------------------

SCORES = st.dictionaries(
    st.sampled_from(["tool_use_correct", "kb_grounding", "brand_new"]), st.sampled_from([True, False, None])
)
TEXTS = st.sampled_from(
    [
        "Sure.",
        "",
        None,
        "[MODEL_ENDED_SESSION]",
        "[MODEL_ENDED_SESSION_EARLY] filled in",
        "[EMPTY_RESPONSE after 3 tries]",
        "[EMPTY_RESPONSE]",
        " [MODEL_ENDED_SESSION]",
    ]
)
ROWS = st.builds(
    row,
    st.integers(0, 7),
    scores=SCORES,
    assistant_text=TEXTS,
    judge_reasoning=st.sampled_from(["", "Invented a fee.", "Asked again for the name."]),
)


@st.composite
def comparisons(draw):
    """Draw (benchmark, model, run id) -> rows: turns missing, judged twice, or without any score."""
    runs = {}
    for benchmark in draw(st.sampled_from([["b"], ["b", "c"]])):
        for model in range(draw(st.integers(1, 4))):
            for run in range(draw(st.integers(1, 3))):
                runs[benchmark, f"m{model}", f"{benchmark}-m{model}-{run}"] = draw(st.lists(ROWS, max_size=8))
    return runs


@settings(max_examples=30)  # each writes files and analyses them
@given(
    comparisons(),
    st.sampled_from(["model", "run"]),
    st.sampled_from(["majority", "any", "all"]),
    st.booleans(),
)
def test_any_small_comparison_counts_as_a_recount_does(runs, compare_by, policy, exclude):
    last = {(run, judged["turn"]): judged for run, rows in runs.items() for judged in rows}
    seen = {name for judged in last.values() for name in judged["scores"]}
    excluded = ("kb_grounding",) if exclude and "kb_grounding" in seen else ()
    with tempfile.TemporaryDirectory() as folder:
        comparison = write_runs(Path(folder), runs)
        options = {"compare_by": compare_by, "repeat_policy": policy, "exclude_dimension": excluded}
        if not all(runs.values()):
            with pytest.raises(InputError, match="no judged row in this file"):
                analyze(comparison, **options)
        if not any(runs.values()):
            return
        analysis = analyze(comparison, **options, skip_bad_rows=True)
        assert benchmarks_of(analysis) == recount(listed_runs(comparison), compare_by, policy, excluded)


# --- By hand -------------------------------------------------------------------------------------------------


def test_a_recount_by_hand(tmp_path):
    ok, bad, none = {"a": True}, {"a": False, "b": True}, {"a": None}
    runs = {
        ("bench", "m", "m1"): [
            row(0, scores=ok),
            row(1, scores=bad),
            row(2, scores=bad, assistant_text="[MODEL_ENDED_SESSION]"),
            row(3, scores=none),
            row(4, scores={}),
        ],
        ("bench", "m", "m2"): [row(0, scores=bad), row(1, scores=bad)],
        ("bench", "n", "n1"): [row(0, scores=ok), row(1, scores=bad), row(2, scores=ok)],
    }
    found = benchmarks_of(analyze(write_runs(tmp_path, runs)))["bench"]
    assert found == {
        "models": {
            "m": {
                "runs": 2,
                "rows_judged": 5,
                "incomplete_rows": 2,
                "failed_rows": 4,
                "model_ended_session": 1,
                "model_ended_session_early": 0,
                "empty_response": 0,
                "failed_dimensions": {"a": 4},
                "scored_dimensions": {"a": 5, "b": 4},
            },
            "n": {
                "runs": 1,
                "rows_judged": 3,
                "incomplete_rows": 0,
                "failed_rows": 1,
                "model_ended_session": 0,
                "model_ended_session_early": 0,
                "empty_response": 0,
                "failed_dimensions": {"a": 1},
                "scored_dimensions": {"a": 3, "b": 1},
            },
        },
        "turns": 5,
        "comparable": 3,  # n has no row for 3 and 4
        "failed_by_all": [1],
        "unique_fail": {"m": [0, 2], "n": []},  # 0: one of m's two runs failed it, and a tie fails
        "unique_pass": {"m": [], "n": [0, 2]},
    }


def test_with_one_model_the_sets_are_null(tmp_path):
    runs = {("b", "m", run): [row(0, scores={"a": False})] for run in ("r1", "r2")}
    found = as_object(analyze(write_runs(tmp_path, runs)))["benchmarks"]["b"]
    assert [found[name] for name in ("failed_by_all", "unique_fail", "unique_pass")] == [None] * 3
    assert found["comparable"] == 1
    by_run = as_object(analyze(tmp_path / "cmp", compare_by="run"))["benchmarks"]["b"]
    assert by_run["failed_by_all"] == [0]
    assert list(by_run["models"]) == ["r1", "r2"]


def test_two_benchmarks_are_counted_apart_even_for_one_model(tmp_path):
    runs = {
        ("b", "m", "r1"): [row(0, scores={"a": False})],
        ("b", "n", "r2"): [row(0, scores={"a": True})],
        ("c", "m", "r3"): [row(0, scores={"a": True}), row(1, scores={"z": False})],
    }
    found = benchmarks_of(analyze(write_runs(tmp_path, runs)))
    assert found["b"]["unique_fail"] == {"m": [0], "n": []}
    assert found["b"]["models"]["m"]["scored_dimensions"] == {"a": 1}
    assert found["c"]["models"]["m"]["failed_dimensions"] == {"z": 1}
    assert found["c"]["unique_fail"] is None
    assert (found["b"]["turns"], found["c"]["turns"]) == (1, 2)


def test_excluding_every_scored_dimension_makes_rows_incomplete(tmp_path):
    runs = {("b", "m", "r"): [row(0, scores={"a": False}), row(1, scores={"a": True, "b": True})]}
    found = benchmarks_of(analyze(write_runs(tmp_path, runs), exclude_dimension="a"))
    model = found["b"]["models"]["m"]
    assert (model["rows_judged"], model["incomplete_rows"], model["failed_rows"]) == (1, 1, 0)
    assert model["scored_dimensions"] == {"b": 1}


def test_of_a_turn_judged_twice_the_last_row_counts(tmp_path):
    rows = [
        row(1, scores={"a": False}),
        row(0, scores={"a": False}),
        row(1, scores={"a": True}),
    ]
    analysis = analyze(write_runs(tmp_path, {("b", "m", "r"): rows}))
    assert benchmarks_of(analysis)["b"]["models"]["m"]["failed_rows"] == 1
    assert analysis.packet["turn"].tolist() == [0]
