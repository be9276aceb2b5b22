"""The checks of the artifacts: each run against its own files, and the runs of a benchmark against each other."""

import json
import re
import subprocess
import sys

import pytest
from builders import failing, listing, row, write_comparison, write_run, write_summary, write_transcript

from pipeline import analyze

SENTINEL = "[MODEL_ENDED_SESSION_EARLY] filled in"


def notes_about(runs, pattern, **options):
    """Check runs; return the notes whose text matches."""
    analysis = analyze(run_dir=runs, **options)
    return [note for note in analysis.notes if re.search(pattern, note.what)]


def run_of(folder, rows, **beside):
    run = write_run(folder, rows)
    if "transcript" in beside:
        write_transcript(run, beside["transcript"])
    if "summary" in beside:
        write_summary(run, beside["summary"])
    return run


def printed(*arguments):
    """Run the command; return what it prints."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def test_runs_that_agree_with_their_files_and_each_other_have_no_notes(tmp_path):
    rows = [row(0), failing(1), row(2, {"tool_use_correct": None, "kb_grounding": True})]
    rows = [value | {"scores": {"kb_grounding": None} | value["scores"]} for value in rows]
    summary = {
        "passes": {"tool_use_correct": 1, "kb_grounding": 1},
        "category_totals": {"tool_use_correct": 2, "kb_grounding": 1},
        "turns_scored": 3,
    }
    runs = [run_of(tmp_path / name, rows, transcript=rows, summary=summary) for name in ("run_a", "run_b")]
    assert analyze(run_dir=runs).notes == ()


# --- Against the transcript ----------------------------------------------------------------------------------


def test_turns_of_the_transcript_that_were_not_judged_are_a_warning(tmp_path):
    run = run_of(tmp_path / "run", [row(0), row(2)], transcript=[row(turn) for turn in range(5)])
    (note,) = notes_about(run, "transcript")
    assert note.severity == "warning"
    assert "run" in note.where
    assert numbers(note.what) == [2, 5, 1, 3, 4]
    assert "openai judged 2 of 5 turns" in note.what


def test_the_stamp_counts_the_judged_turns_only_where_some_were_not_judged(tmp_path):
    whole = run_of(tmp_path / "whole", [failing(0), row(1)], transcript=[row(0), row(1)])
    part = run_of(tmp_path / "part", [failing(0)], transcript=[row(turn) for turn in range(4)])
    lost = run_of(tmp_path / "lost", [row(0)], transcript=[row(0)])
    (lost / "runtime.json").write_text('{"failed_turns": [1, 2]}')
    assert analyze(run_dir=whole).stamp == "PROVISIONAL (0 of 1 failed rows reviewed)"
    stamp = "PROVISIONAL (0 of 2 failed rows reviewed; 4 of 9 turns judged)"
    assert analyze(run_dir=[whole, part, lost], output=tmp_path / "out").stamp == stamp
    assert stamp in (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert f"Status: {stamp}" in printed("summary", tmp_path / "out")


def test_judged_turns_that_the_transcript_lacks_are_a_warning(tmp_path):
    run = run_of(tmp_path / "run", [row(turn) for turn in range(4)], transcript=[row(0), row(2)])
    (note,) = notes_about(run, "transcript")
    assert note.severity == "warning"
    assert numbers(note.what) == [1, 3]


@pytest.mark.parametrize("name", ["user_text", "assistant_text"])
@pytest.mark.parametrize("other", ["something else", "", None])
def test_text_that_differs_from_the_transcript_is_a_warning(tmp_path, name, other):
    said = [row(0), row(1, **{name: other}), row(2)]
    (note,) = notes_about(run_of(tmp_path / "run", [row(0), row(1), row(2)], transcript=said), name)
    assert note.severity == "warning"
    assert numbers(note.what) == [1]


@pytest.mark.parametrize(
    "quirk",
    [
        pytest.param({"x": float("nan")}, id="NaN"),
        pytest.param({"user_text": "\ud800"}, id="lone surrogate"),
        pytest.param({"user_text": "a\u2028b"}, id="U+2028"),
        pytest.param({"user_text": None, "assistant_text": ""}, id="null text"),
    ],
)
def test_a_transcript_with_json_that_other_writers_emit_agrees_with_its_rows(tmp_path, quirk):
    rows = [row(0), row(1, **quirk)]
    notes = notes_about(run_of(tmp_path / "run", rows, transcript=rows), "")
    assert [note for note in notes if note.severity != "info"] == []


def test_a_transcript_line_that_cannot_be_read_is_a_warning_with_its_number(tmp_path):
    run = run_of(tmp_path / "run", [row(0)], transcript=[row(0), "{broken", b"\xff", '{"turn": "x"}'])
    (note,) = notes_about(run, "unreadable")
    assert note.severity == "warning"
    assert numbers(note.what) == [2, 3, 4]


# --- Against the summary -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("summary", "named"),
    [
        ({"passes": {"tool_use_correct": 3}}, ["tool_use_correct", "3", "1"]),
        ({"category_totals": {"tool_use_correct": 3}}, ["tool_use_correct", "3", "2"]),
        ({"passes": {"never_scored": 3}}, ["never_scored", "3", "0"]),
        ({"turns_scored": 7}, ["turns_scored", "7", "2"]),
    ],
)
def test_a_count_of_the_summary_that_is_off_is_a_warning_with_both_numbers(tmp_path, summary, named):
    run = run_of(tmp_path / "run", [row(0), failing(1)], summary=summary)
    (note,) = analyze(run_dir=run).notes
    assert note.severity == "warning"
    assert note.where.endswith("openai_summary.json")
    assert [word for word in named if word not in note.what] == []


def test_the_summary_is_that_of_the_judge(tmp_path):
    run = write_run(tmp_path / "run", [row(0)], judge="claude")
    write_summary(run, {"turns_scored": 7}, judge="openai")
    assert analyze(run_dir=run).notes == ()
    write_summary(run, {"turns_scored": 7}, judge="claude")
    assert len(analyze(run_dir=run).notes) == 1


@pytest.mark.parametrize("name", ["transcript.jsonl", "openai_summary.json"])
@pytest.mark.parametrize(
    "content", [None, b"", b"\xff", b"[]", b"{", b"[" * 100_000, b'{"a":' * 100_000, b'{"turn": NaN, "passes": 3}']
)
def test_a_file_beside_the_rows_never_stops_the_analysis(tmp_path, name, content):
    run = write_run(tmp_path / "run", [row(0)])
    if content is None:
        (run / name).mkdir()
    else:
        (run / name).write_bytes(content)
    assert {note.severity for note in analyze(run_dir=run).notes} <= {"warning"}


# --- One run's rows ------------------------------------------------------------------------------------------


def test_a_turn_judged_twice_counts_once_the_last_row_and_the_note_names_both_lines(tmp_path):
    run = write_run(tmp_path / "run", [row(5), failing(3), row(4), row(3, assistant_text="last"), failing(9)])
    analysis = analyze(run_dir=run)
    assert analysis.turns["turn"].tolist() == [3, 4, 5, 9]
    assert analysis.turns["failed"].tolist() == [False, False, False, True]
    assert analysis.texts(["run:3"])["assistant_text"].tolist() == ["last"]
    assert [run.rows for run in analysis.inputs] == [4]
    (note,) = analysis.notes
    assert note.severity == "warning"
    assert {2, 3, 4} <= set(numbers(f"{note.where} {note.what}"))


def test_every_row_that_does_not_count_of_a_turn_judged_three_times_is_noted(tmp_path):
    run = write_run(tmp_path / "run", [row(0), failing(0), row(0)])
    assert len(notes_about(run, "twice|times|again")) == 2


@pytest.mark.parametrize("reasoning", ["", None, " \n\t"])
def test_failed_rows_without_reasoning_are_a_warning_and_passed_ones_are_not(tmp_path, reasoning):
    rows = [row(0, judge_reasoning=reasoning), failing(1, judge_reasoning=reasoning), failing(2)]
    (note,) = analyze(run_dir=write_run(tmp_path / "run", rows)).notes
    assert (note.severity, note.where) == ("warning", "run")
    assert "reasoning" in note.what
    assert numbers(note.what) == [1]


@pytest.mark.parametrize("scores", [{}, {"tool_use_correct": None}])
def test_incomplete_rows_are_a_warning_and_neither_pass_nor_fail(tmp_path, scores):
    analysis = analyze(run_dir=write_run(tmp_path / "run", [row(0), row(1, scores), failing(2)]))
    (note,) = analysis.notes
    assert (note.severity, note.where) == ("warning", "run")
    assert numbers(note.what) == [1]
    assert analysis.model_counts[["rows_judged", "incomplete_rows", "failed_rows"]].to_numpy().tolist() == [[2, 1, 1]]


def test_a_row_is_incomplete_when_only_excluded_dimensions_were_scored(tmp_path):
    run = write_run(tmp_path / "run", [row(0, {"kept": True, "noise": False}), row(1, {"noise": False})])
    (note,) = notes_about(run, "incomplete", exclude_dimension="noise")
    assert numbers(note.what) == [1]


def test_what_was_repaired_is_an_info_note_with_file_and_line(tmp_path):
    rows = [row(0), row(1, user_text="\ud800"), row(2, tool_calls=[float("inf")]), row(3, latency_ms="slow")]
    notes = analyze(run_dir=write_run(tmp_path / "run", rows)).notes
    assert {note.severity for note in notes} == {"info"}
    assert [note.where for note in notes] == [f"run/openai_judged.jsonl:{line}" for line in (2, 3, 4)]


# --- Runs against each other ---------------------------------------------------------------------------------


def two_runs(tmp_path, turns, differing, benchmarks=("bench", "bench")):
    first = write_run(tmp_path / benchmarks[0] / "run_a", [row(turn) for turn in range(turns)])
    texts = [{"user_text": "another question"} if turn in differing else {} for turn in range(turns)]
    second = write_run(tmp_path / benchmarks[1] / "run_b", [row(turn, **text) for turn, text in enumerate(texts)])
    return [first, second]


@pytest.mark.parametrize(
    ("turns", "differing", "severity"),
    [(10, [3], "warning"), (4, [1, 2], "warning"), (3, [1, 2], "error"), (4, [0, 1, 2, 3], "error")],
)
def test_differing_user_text_is_a_warning_and_at_most_turns_an_error(tmp_path, turns, differing, severity):
    (note,) = notes_about(two_runs(tmp_path, turns, differing), "user_text")
    assert (note.severity, note.where) == (severity, "bench")
    assert numbers(note.what)[: len(differing)] == differing


def test_two_benchmarks_may_ask_different_questions(tmp_path):
    assert analyze(run_dir=two_runs(tmp_path, 3, [0, 1, 2], ("bench_a", "bench_b"))).notes == ()


def test_only_turns_that_both_runs_have_are_compared(tmp_path):
    runs = [
        write_run(tmp_path / name, [row(t, user_text=name) for t in turns])
        for name, turns in {"run_a": [0, 1], "run_b": [2, 3]}.items()
    ]
    assert notes_about(runs, "user_text") == []


def difference_of(runs):
    """Check runs of one benchmark; return the text of the one note on their differences, or nothing."""
    notes = [note for note in analyze(run_dir=runs).notes if "differ in" in note.what]
    assert [note.severity for note in notes] in ([], ["warning"])
    return notes[0].what if notes else None


def judged_as(folder, judge="openai", scores=None, runtime=None, **summary):
    run = write_run(folder, [row(0, scores or {"tool_use_correct": True, "turn_taking": True})], judge)
    if summary:
        write_summary(run, summary, judge)
    if runtime:
        (run / "runtime.json").write_text(json.dumps(runtime))
    return run


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({}, {"judge": "claude"}, r"judge \(openai: a; claude: b\)"),
        ({"judge_model": "large"}, {"judge_model": "small"}, r"judge model \(large: a; small: b\)"),
        ({"judge_version": "v3"}, {"judge_version": "v4"}, r"judge version \(v3: a; v4: b\)"),
        ({"runtime": {"mode": "rehydrated"}}, {}, r"mode \(each turn stands alone: a; turns follow one another: b\)"),
        ({}, {"scores": {"turn_taking": True}}, r"dimensions \(all: a; without tool_use_correct: b\)"),
        ({}, {"skip_turn_taking": True}, r"turn-taking \(measured: a; not measured: b\)"),
        ({}, {}, None),
        ({"judge_model": "large"}, {}, None),
    ],
)
def test_runs_that_are_not_alike_are_one_warning_with_the_groups(tmp_path, one, other, says):
    what = difference_of([judged_as(tmp_path / "a", **one), judged_as(tmp_path / "b", **other)])
    assert (what is None) if says is None else re.search(says, what), what


def test_several_differences_are_one_warning_at_the_top_of_the_report(tmp_path):
    runs = [judged_as(tmp_path / name, judge_model="large", judge_version="v3") for name in ("a", "b")]
    runs.append(judged_as(tmp_path / "c", "claude", judge_model="small", judge_version="v4"))
    what = difference_of(runs)
    assert (
        "judge (openai: a, b; claude: c), judge model (large: a, b; small: c), judge version (v3: a, b; v4: c)" in what
    )
    analyze(run_dir=runs, output=tmp_path / "out")
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert "differ in judge (openai: a, b; claude: c)" in report.partition("\n## ")[0]


def test_runs_of_one_benchmark_with_different_references_are_named(tmp_path):
    runs = []
    for lab, answer in (("x", "yes"), ("y", "no"), ("z", "yes")):
        folder = tmp_path / lab / "benchmarks" / "bench"
        folder.mkdir(parents=True)
        (folder / "turns.py").write_text(f"turns = [{{'input': 'q', 'golden_text': {answer!r}}}]\n")
        runs.append(write_run(tmp_path / lab / "runs" / "bench" / f"run_{lab}", [row(0)]))
    assert difference_of([runs[0], runs[2]]) is None
    assert re.search(r"reference \(x/benchmarks/bench: run_x; y/benchmarks/bench: run_y\)", difference_of(runs[:2]))


# --- Against run_results.csv ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"turns_scored": 3, "fail_rows": 1, "pass_rows": 1}, None),
        ({"turns_scored": "3.0", "pass_rows": 2, "a_passes": 2, "a_applicable": 3, "latency_ms_mean": 7}, None),
        ({"a_passes": 1, "a_applicable": 2, "pass_row_rate": 0.9, "note": "text"}, None),
        ({"turns_scored": 4}, "turns_scored is 4, the judged rows give 3"),
        ({"fail_rows": 2}, "fail_rows is 2, the judged rows give 1"),
        ({"pass_rows": 3}, "pass_rows is 3, the judged rows give 1 or 2"),
        ({"a_passes": 3}, "a_passes is 3, the judged rows give 1 or 2"),
        ({"fail_rows": 9, "judge_name": "claude"}, None),
    ],
)
def test_listed_counts_that_no_longer_fit_the_rows_are_a_warning(tmp_path, cells, says):
    run = write_run(tmp_path / "runs" / "run", [row(0, {"a": True}), row(1, {"a": False}), row(2, {"a": None})])
    notes = analyze(write_comparison(tmp_path / "cmp", [{"run_dir": str(run)} | cells])).notes
    found = [note for note in notes if note.where == "run_results.csv"]
    assert [note.severity for note in found] == (["warning"] if says else [])
    assert not says or says in found[0].what


def runs_of_lengths(tmp_path, lengths):
    """Write one run per name: `model.repeat` -> number of turns."""
    return [
        write_run(tmp_path / name, [row(turn, model_name=name.partition(".")[0]) for turn in range(length)])
        for name, length in lengths.items()
    ]


@pytest.mark.parametrize(
    ("lengths", "named"),
    [
        ({"a.1": 9, "b.1": 4, "c.1": 9}, ["b.1"]),
        ({"a.1": 9, "b.1": 4, "c.1": 5}, ["b.1", "c.1"]),
        ({"a.1": 9, "a.2": 2, "b.1": 9}, []),
        ({"a.1": 9, "b.1": 9}, []),
        ({"a.1": 4}, []),
    ],
)
def test_runs_so_short_that_they_shrink_the_comparable_turns_are_named(tmp_path, lengths, named):
    analysis = analyze(run_dir=runs_of_lengths(tmp_path, lengths))
    assert {note.severity for note in analysis.notes} <= {"warning"}
    said = " ".join(f"{note.where} {note.what}" for note in analysis.notes)
    assert [name for name in lengths if name in said] == named


# --- The command ---------------------------------------------------------------------------------------------


@pytest.fixture
def unlike(tmp_path):
    """A comparison of two runs that were asked different questions at every turn."""
    return write_comparison(tmp_path / "in" / "cmp", two_runs(tmp_path / "in", 3, [0, 1, 2]))


def test_check_with_nothing_worse_than_warnings_exits_0_and_lists_them(comparison, cli, tmp_path):
    write_summary(tmp_path / "in" / "bench" / "run_a", {"turns_scored": 75})
    before = listing(tmp_path)
    done = cli("check", "--comparison-dir", comparison)
    assert done.returncode == 0
    assert "warning: run_a/openai_summary.json: " in done.stdout
    assert "75" in done.stdout
    assert listing(tmp_path) == before


def test_check_with_an_error_note_exits_2(unlike, cli):
    done = cli("check", "--comparison-dir", unlike)
    assert done.returncode == 2
    assert "error: bench: " in done.stdout


def test_check_json_is_one_object_with_the_notes(comparison, cli, tmp_path):
    write_summary(tmp_path / "in" / "bench" / "run_a", {"turns_scored": 75})
    done = cli("check", "--comparison-dir", comparison, "--json")
    (note,) = json.loads(done.stdout)["notes"]
    assert set(note) == {"severity", "where", "what"}
    assert "error" not in json.loads(done.stdout)


def test_check_json_with_an_error_note_tells_the_exit_code(unlike, cli):
    done = cli("check", "--comparison-dir", unlike, "--json")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == error["exit_code"] == 2
    assert [problem["where"] for problem in error["problems"]] == ["bench"]


def test_analyze_prints_an_error_note_and_goes_on(unlike, cli, tmp_path):
    done = cli("analyze", "--comparison-dir", unlike)
    assert done.returncode == 0
    assert "error: bench: " in done.stderr
    folder = tmp_path / "results" / "cmp"
    assert json.loads((folder / "analysis.json").read_text())["notes"][0]["severity"] == "error"
    assert "not the same benchmark" in (folder / "deep_error_analysis.md").read_text()


@pytest.mark.parametrize("by", ["comparison", "runs"])
def test_nothing_is_ever_written_into_the_inputs(comparison, cli, tmp_path, by):
    before = listing(tmp_path)
    runs = ["--run-dir", "in/bench/run_a", "in/bench/run_b"]
    done = cli("analyze", *(runs if by == "runs" else ["--comparison-dir", comparison]))
    assert done.returncode == 0
    after = listing(tmp_path)
    assert {path.partition("/")[0] for path in after if path not in before} == {"results"}
    assert {path: after.get(path) for path in before} == before
