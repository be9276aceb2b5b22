"""Recurring phrases of the judge: which are named, with how many rows, and which are not."""

import json

import pandas as pd
from builders import failing, row, write_run
from pyarrow import parquet

from pipeline import analyze, schema
from pipeline.stages import recurring
from pipeline.stages.tables import concat


def complaints(*reasonings, mode="other", benchmark="bench", first=0):
    """Make failed rows of an error mode, one turn each."""
    frame = pd.DataFrame(
        {
            "row_id": [f"run:{first + turn}" for turn in range(len(reasonings))],
            "benchmark_name": benchmark,
            "turn": range(first, first + len(reasonings)),
            "error_mode": mode,
            "judge_reasoning": reasonings,
        }
    )
    return frame.astype(schema.COMPLAINTS)


def phrases_of(*frames, dimensions=(), mode="other"):
    """Return the phrases of a mode with their rows and example."""
    every = concat(frames, schema.COMPLAINTS)
    kept = recurring.keep_complaints(concat([], schema.COMPLAINTS), every)
    found = recurring.recurring_phrases(kept, every, dimensions)
    found = found[found["error_mode"].eq(mode)]
    return list(zip(found["phrase"], found["failed_rows"], found["row_id"], strict=True))


def test_a_phrase_is_named_with_its_rows_and_an_example():
    found = phrases_of(
        complaints(
            "Fine so far. The answer ignores the word limit, badly.",
            "Nothing to say here.",
            "It ignores the word limit. And it ignores the word limit again.",
            "Clearly ignores the word limit of the task.",
        )
    )
    assert found == [("ignores the word limit", 3, "run:0")]  # rows, not times; the longest phrase of the same rows


def test_two_rows_or_two_turns_do_not_recur():
    assert phrases_of(complaints("It ignores the word limit.", "Ignores the word limit.", "Fine.")) == []
    same = [complaints("It ignores the word limit.", "Ignores the word limit.").assign(row_id=ids) for ids in "ab"]
    assert phrases_of(*same, complaints("Another thing.", first=5)) == []


def test_stop_words_judges_words_dimensions_and_quotations_are_not_named():
    texts = [
        f'{name}: the user asked for it, and the response of the model to this. He said "book a window seat" {number}.'
        for number, name in enumerate(["instruction following", "instruction_following", "instruction following"] * 2)
    ]
    assert phrases_of(complaints(*texts), dimensions=["instruction_following"]) == []


def test_what_all_failed_rows_say_comes_after_what_a_mode_says():
    of_other = complaints(*["Poor tone throughout. It was a clipped reply."] * 4)
    of_tool = complaints(
        *["Poor tone throughout. The wrong function ran."] * 4, mode="tool_or_action_selection_error", first=4
    )
    assert [name for name, *_ in phrases_of(of_other, of_tool)] == ["clipped reply", "poor tone throughout"]


def test_small_modes_are_left_and_at_most_five_phrases_named():
    words = ["lost the thread", "wrong month named", "rude closing line", "odd spelling kept", "empty greeting used"]
    text = ". ".join([*words, "sixth complaint made"])
    whole = complaints(*[text] * 30)
    small = complaints(*["nothing but trouble here"] * 3, mode="empty_response", first=30)
    assert len(phrases_of(whole, small)) == 5
    assert phrases_of(whole, small, mode="empty_response") == []


def test_which_rows_are_read_does_not_depend_on_the_batches(monkeypatch):
    monkeypatch.setattr(recurring, "MOST_READ", 10)
    every = complaints(*["Some words here."] * 40)
    nothing = concat([], schema.COMPLAINTS)
    at_once = recurring.keep_complaints(nothing, every)
    in_parts = recurring.keep_complaints(recurring.keep_complaints(nothing, every[:15]), every[15:])
    assert len(at_once) == 10
    assert at_once["row_id"].tolist() == in_parts["row_id"].tolist()


def test_report_page_numbers_and_tables_name_the_phrases(tmp_path):
    ended = "[MODEL_ENDED_SESSION]"  # the shape decides the error mode
    rows = [
        failing(turn, assistant_text=ended, judge_reasoning=f"In case {turn} the tone was needlessly curt.")
        for turn in range(4)
    ]
    run = write_run(tmp_path / "in" / "bench" / "run_a", [*rows, row(4, judge_reasoning="Needlessly curt but fine.")])
    analyze(run_dir=run, output=tmp_path / "out")
    mode = "premature_end_session"
    assert f"Recurring in **{mode}** (4 rows read): **“tone was needlessly curt”** (4 rows, e.g. `run_a:0`)" in (
        tmp_path / "out" / "deep_error_analysis.md"
    ).read_text(encoding="utf-8")
    assert "needlessly curt" in (tmp_path / "out" / "deep_error_analysis.html").read_text(encoding="utf-8")
    named = {"phrase": "tone was needlessly curt", "failed_rows": 4, "rows_read": 4, "row_id": "run_a:0"}
    benchmark = json.loads((tmp_path / "out" / "analysis.json").read_text())["benchmarks"]["bench"]
    assert benchmark["recurring"] == {mode: [named]}
    written = parquet.read_table(tmp_path / "out" / "tables" / "recurring.parquet").to_pylist()
    assert written == [{"benchmark_name": "bench", "error_mode": mode, **named}]


def test_without_a_recurring_phrase_nothing_is_said(comparison, tmp_path):
    analysis = analyze(comparison, output=tmp_path / "out")
    assert not len(analysis.recurring)
    assert "Recurring" not in (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert not (tmp_path / "out" / "tables" / "recurring.parquet").exists()
