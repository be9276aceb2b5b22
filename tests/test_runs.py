"""Which runs there are: the judged file of each, where run folders are found, and what they are called."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from builders import as_line, row, write_comparison, write_run, write_transcript

from pipeline import analyze
from pipeline.errors import InputError, PipelineError
from pipeline.load.records import Options
from pipeline.load.runs import find_runs


def find(comparison=None, runs=(), root=None, **options):
    """Find runs; return the list and what was said to the user."""
    said = []
    logger, heard = logging.getLogger("pipeline.load.runs"), logging.Handler(logging.INFO)
    heard.emit = lambda record: said.append(record.getMessage())
    level = logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    try:
        return find_runs(() if comparison is None else (comparison,), runs, root, Options(**options)), said
    finally:
        logger.removeHandler(heard)
        logger.setLevel(level)


def problems_of(call, *args, **kwargs):
    with pytest.raises(PipelineError) as error:
        call(*args, **kwargs)
    assert all(problem.fix for problem in error.value.problems)
    return [str(problem) for problem in error.value.problems]


def ids(listed):
    return [run.run_id for run in listed.runs]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder `lab/comparisons/cmp` to be; the working directory is elsewhere."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "lab"


# --- Which judged file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judges", "asked", "chosen"),
    [
        (["openai"], None, "openai"),
        (["claude", "openai"], None, "openai"),
        (["aaa", "claude", "openai"], None, "openai"),
        (["aaa", "claude"], None, "claude"),
        (["gemini"], None, "gemini"),
        (["my.own judge"], None, "my.own judge"),
        (["gemini", "openai"], "gemini", "gemini"),
        (["claude", "openai"], "claude", "claude"),
        (["gemini", "llama"], "llama", "llama"),
    ],
)
def test_the_judged_file_is_chosen_by_judge(tmp_path, judges, asked, chosen):
    for judge in judges:
        write_run(tmp_path / "run", [row(0)], judge)
    listed, _ = find(runs=[tmp_path / "run"], judge=asked)
    assert [run.judged_file.name for run in listed.runs] == [f"{chosen}_judged.jsonl"]
    assert [run.judge for run in listed.runs] == [chosen]


def judged_by(folder, transcript=(), **judges):
    """Write a run with a transcript of some turns and, by judge, the turns that were judged."""
    for judge, turns in judges.items():
        write_run(folder, [row(turn) for turn in turns], judge)
    if transcript:
        write_transcript(folder, [row(turn) for turn in transcript])
    return folder


@pytest.mark.parametrize(
    ("one", "other", "chosen"),
    [
        ({"openai": range(4), "claude": range(4)}, {"openai": range(4), "claude": range(4)}, "openai openai"),
        ({"openai": range(3), "claude": range(4)}, {"openai": range(4), "claude": range(4)}, "claude claude"),
        ({"openai": range(1), "claude": range(4)}, {"openai": range(4), "claude": range(2)}, "claude claude"),
        ({"gemini": range(3), "claude": range(3)}, {"gemini": range(3), "claude": range(3)}, "claude claude"),
        ({"gemini": range(2), "llama": range(2)}, {"gemini": range(2), "llama": range(2)}, "gemini gemini"),
        ({"gemini": range(2), "llama": range(3)}, {"gemini": range(4), "llama": range(4)}, "llama llama"),
        ({"openai": range(4)}, {"claude": range(2), "gemini": range(4)}, "openai gemini"),
        ({"openai": range(9), "claude": range(4)}, {"openai": range(3), "claude": range(4)}, "claude claude"),
    ],
)
def test_one_judge_is_chosen_per_benchmark_by_what_it_covers(tmp_path, one, other, chosen):
    runs = [judged_by(tmp_path / "bench" / name, range(4), **judges) for name, judges in (("a", one), ("b", other))]
    listed, _ = find(runs=runs)
    assert " ".join(run.judge for run in listed.runs) == chosen
    first, *others = listed.notes
    assert (first.severity, first.where) == ("info", "bench")
    assert "of 8" in first.what
    assert "--judge" in first.what
    without = [run for run in listed.runs if run.judge != chosen.partition(" ")[0]]
    assert [(note.severity, note.where) for note in others] == [("warning", run.source) for run in without]


def test_the_judge_of_one_benchmark_says_nothing_about_another(tmp_path):
    one = judged_by(tmp_path / "bench_1" / "a", range(2), openai=range(2), claude=range(1))
    other = judged_by(tmp_path / "bench_2" / "b", range(2), openai=range(1), claude=range(2))
    listed, _ = find(runs=[one, other])
    assert [run.judge for run in listed.runs] == ["openai", "claude"]
    assert [note.severity for note in listed.notes] == ["info", "info"]


def test_turns_that_the_harness_lost_are_expected_of_no_judge(tmp_path):
    run = judged_by(tmp_path / "bench" / "a", range(4), openai=range(3), claude=range(4))
    (run / "runtime.json").write_text('{"failed_turns": [3]}')
    listed, _ = find(runs=[run])
    assert [run.judge for run in listed.runs] == ["openai"]
    assert "3 of 3" in listed.notes[0].what


def test_with_one_judge_for_all_runs_there_is_no_choice_to_note(tmp_path):
    listed, _ = find(runs=[judged_by(tmp_path / "bench" / name, range(9), claude=range(4)) for name in "ab"])
    assert listed.notes == ()


def test_an_unknown_judge_is_an_error_that_names_the_known_ones(tmp_path):
    for judge in ("openai", "llama"):
        write_run(tmp_path / "run", [row(0)], judge)
    (problem,) = problems_of(find, runs=[tmp_path / "run"], judge="gemini")
    assert "gemini_judged.jsonl" in problem
    assert "llama" in problem.partition("gemini_judged.jsonl")[2]


def test_every_run_without_a_judged_file_is_named(tmp_path):
    folders = [tmp_path / name for name in ("run_a", "run_b")]
    for folder in folders:
        folder.mkdir()
    problems = problems_of(find, runs=[*folders, write_run(tmp_path / "run_c", [row(0)])])
    assert [name in problem for name, problem in zip(("run_a", "run_b"), problems, strict=True)] == [True, True]


# --- Where run folders are found -----------------------------------------------------------------------------


def test_a_run_is_found_as_written(lab):
    run = write_run(lab / "far" / "away" / "run_a", [row(0)])
    listed, said = find(write_comparison(lab / "comparisons" / "cmp", [run]))
    assert [found.directory for found in listed.runs] == [run]
    assert said == []


@pytest.mark.parametrize("written", ["../../data/run_a", "../../data/run_a/", "./../../data/./run_a"])
def test_a_run_is_found_relative_to_the_comparison_folder(lab, written):
    run = write_run(lab / "data" / "run_a", [row(0)])
    listed, said = find(write_comparison(lab / "comparisons" / "cmp", [written]))
    assert [found.directory.resolve() for found in listed.runs] == [run.resolve()]
    assert ids(listed) == ["run_a"]
    assert said == []


def test_a_run_is_found_relative_to_the_working_directory(lab):
    run = write_run(Path.cwd() / "data" / "run_a", [row(0)])
    listed, said = find(write_comparison(lab / "comparisons" / "cmp", ["data/run_a"]))
    assert [found.directory for found in listed.runs] == [run]
    assert said == []


def test_the_comparison_folder_comes_before_the_working_directory(lab):
    write_run(Path.cwd() / "run_a", [row(0)])
    run = write_run(lab / "comparisons" / "cmp" / "run_a", [row(0)])
    listed, _ = find(write_comparison(lab / "comparisons" / "cmp", ["run_a"]))
    assert [found.directory for found in listed.runs] == [run]


@pytest.mark.parametrize(
    "written", ["/data/evals/bench/run_a", "/data/evals/bench/run_a/", "C:\\evals\\bench\\run_a", "D:\\run_a\\"]
)
@pytest.mark.parametrize(
    "place",
    [
        "comparisons/cmp/run_a",
        "comparisons/cmp/bench/run_a",
        "comparisons/runs/run_a",
        "comparisons/runs/bench/run_a",
        "runs/run_a",
        "runs/bench/run_a",
    ],
)
def test_a_run_that_moved_is_found_by_its_last_part_and_said_to_be_elsewhere(lab, place, written):
    run = write_run(lab / place, [row(0)])
    listed, said = find(write_comparison(lab / "comparisons" / "cmp", [written]))
    assert [found.directory for found in listed.runs] == [run]
    (message,) = said
    assert written in message
    assert "run_a" in message.replace(written, "")


def test_a_run_is_found_below_a_runs_folder_beside_any_ancestor(lab):
    run = write_run(lab / "runs" / "bench" / "run_a", [row(0)])
    listed, _ = find(write_comparison(lab / "results" / "bench" / "2026" / "cmp", ["/data/run_a"]))
    assert [found.directory for found in listed.runs] == [run]


@pytest.mark.parametrize("place", ["comparisons/cmp/x/y/run_a", "runs/x/y/run_a", "elsewhere/run_a"])
def test_a_run_is_not_looked_for_any_further(lab, place):
    write_run(lab / place, [row(0)])
    (problem,) = problems_of(find, write_comparison(lab / "comparisons" / "cmp", ["/data/run_a"]))
    assert "/data/run_a" in problem


@pytest.mark.parametrize("place", ["run_a", "bench/run_a"])
def test_runs_root_says_where_to_look(lab, place):
    run = write_run(Path.cwd() / "store" / place, [row(0)])
    write_run(lab / "runs" / "run_a", [row(0)])
    comparison = write_comparison(lab / "comparisons" / "cmp", ["/data/run_a"])
    listed, said = find(comparison, root=Path("store"))
    assert [found.directory for found in listed.runs] == [run]
    assert len(said) == 1


def test_a_runs_root_that_is_not_there_is_an_error(lab):
    comparison = write_comparison(lab / "cmp", ["/data/run_a"])
    (problem,) = problems_of(find, comparison, root=lab / "nowhere")
    assert "nowhere" in problem


def test_two_matches_are_an_error_that_names_both(lab):
    first = write_run(lab / "runs" / "bench_1" / "run_a", [row(0)])
    second = write_run(lab / "comparisons" / "runs" / "run_a", [row(0)])
    (problem,) = problems_of(find, write_comparison(lab / "comparisons" / "cmp", ["/data/run_a"]))
    assert str(first) in problem
    assert str(second) in problem
    assert "run_results.csv:2" in problem


def test_one_folder_reached_by_two_ways_is_one_match(lab):
    write_run(lab / "runs" / "bench" / "run_a", [row(0)])
    (lab / "comparisons").mkdir()
    (lab / "comparisons" / "runs").symlink_to(lab / "runs")
    listed, _ = find(write_comparison(lab / "comparisons" / "cmp", ["/data/run_a"]))
    assert ids(listed) == ["run_a"]


def test_all_missing_runs_are_listed_in_one_error_with_their_lines(lab):
    here = write_run(lab / "here", [row(0)])
    problems = problems_of(find, write_comparison(lab / "cmp", ["/data/gone_1", here, "gone_2", "C:\\gone_3"]))
    places = [(2, "/data/gone_1"), (4, "gone_2"), (5, "C:\\gone_3")]
    assert len(problems) == 3
    for problem, (line, written) in zip(problems, places, strict=True):
        assert f"run_results.csv:{line}: " in problem
        assert written in problem
        assert "--skip-missing-runs" in problem


def test_missing_runs_are_listed_also_when_another_run_has_two_matches(lab):
    for place in ("runs/x/twice", "runs/y/twice"):
        write_run(lab / place, [row(0)])
    problems = "\n".join(problems_of(find, write_comparison(lab / "cmps" / "cmp", ["gone_1", "/d/twice", "gone_2"])))
    assert [name in problems for name in ("gone_1", "twice", "gone_2")] == [True, True, True]


def test_missing_runs_can_be_skipped_and_the_report_says_so(lab):
    run = write_run(lab / "run_a", [row(0)])
    comparison = write_comparison(lab / "cmp", [run, "/data/gone"])
    analysis = analyze(comparison, skip_missing_runs=True, output=lab / "out")
    assert [run.run_id for run in analysis.inputs] == ["run_a"]
    assert "/data/gone" in (lab / "out" / "deep_error_analysis.md").read_text()
    assert [note.severity for note in analysis.notes if "/data/gone" in note.what] == ["warning"]


def test_when_every_run_is_missing_there_is_nothing_to_skip_to(lab):
    assert problems_of(find, write_comparison(lab / "cmp", ["/data/gone"]), skip_missing_runs=True)


@pytest.mark.parametrize("again", ["../run_a", "{run}", "{run}/", "../link"])
def test_a_run_listed_twice_is_an_error_that_names_both_lines(lab, again):
    run = write_run(lab / "run_a", [row(0)])
    (lab / "link").symlink_to(run)
    (problem,) = problems_of(find, write_comparison(lab / "cmp", [run, again.format(run=run)]))
    assert "run_results.csv:2" in problem
    assert "run_results.csv:3" in problem


def test_a_run_folder_given_twice_is_an_error(tmp_path):
    run = write_run(tmp_path / "run_a", [row(0)])
    assert len(problems_of(find, runs=[run, run])) == 1


def test_neither_a_comparison_nor_runs_is_an_error():
    (problem,) = problems_of(find)
    assert "--comparison-dir" in problem
    assert "--run-dir" in problem


def test_every_run_folder_that_is_not_there_is_named(tmp_path):
    (tmp_path / "file").touch()
    problems = problems_of(find, runs=[tmp_path / "gone_1", tmp_path / "file", tmp_path / "gone_2"])
    assert len(problems) == 3


def test_of_two_matches_the_one_in_the_folder_of_its_benchmark_counts(lab):
    for bench in ("bench_1", "bench_2"):
        write_run(lab / "runs" / bench / "run_a", [row(0)])
    listed, _ = find(write_comparison(lab / "results" / "cmp", ["/data/bench_2/run_a"]))
    assert [run.directory.parent.name for run in listed.runs] == ["bench_2"]


def test_repeats_below_iterations_are_found_and_take_the_benchmark_above(lab):
    written = [f"/data/{bench}/{run}/iterations/run_{n:02}" for bench in "bc" for run in "xy" for n in (1, 2)]
    folders = [write_run(lab / "runs" / path.removeprefix("/data/"), [row(0)]) for path in written]
    for listed, _ in (find(write_comparison(lab / "results" / "cmp", written)), find(runs=folders)):
        assert [run.directory for run in listed.runs] == folders
        assert [run.benchmark_name for run in listed.runs] == ["b"] * 4 + ["c"] * 4
        assert len(set(ids(listed))) == 8


# --- Several comparison folders ------------------------------------------------------------------------------


def test_several_comparison_folders_are_analysed_as_one_and_a_run_counts_once(lab):
    runs = [write_run(lab / "runs" / bench / f"run_{bench}", [row(0)]) for bench in "bcd"]
    folders = [
        write_comparison(lab / "results" / "two", runs[:2]),
        write_comparison(lab / "results" / "one", runs[1:]),
        write_comparison(lab / "other" / "one", runs[:1]),
    ]
    analysis = analyze(folders, output=lab / "out")
    assert analysis.name == "one+two"
    assert [run.run_id for run in analysis.inputs] == ["run_b", "run_c", "run_d"]
    assert analysis.inputs[0].judged_file == "runs/b/run_b/openai_judged.jsonl"
    once = [note.where for note in analysis.notes if "counts once" in note.what]
    assert once == ["results/one/run_results.csv", "other/one/run_results.csv"]
    command = [sys.executable, "-m", "pipeline", "report", str(lab / "out"), "--json"]
    again = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [run["run_id"] for run in again["inputs"]] == ["run_b", "run_c", "run_d"]


def test_the_same_benchmark_of_two_comparison_folders_is_one(lab):
    for name in ("one", "two"):
        run = write_run(lab / "runs" / "bench" / name, [row(0, model_name=name)])
        write_comparison(lab / name, [run])
    analysis = analyze([lab / "one", lab / "two"])
    assert analysis.benchmarks == ("bench",)
    assert analysis.models("bench") == ("one", "two")


def test_problems_of_all_comparison_folders_are_listed(lab):
    write_comparison(lab / "one", ["/data/gone_1"])
    write_comparison(lab / "two", ["/data/gone_2"])
    problems = problems_of(analyze, [lab / "one", lab / "nowhere", lab / "two"])
    assert [name in problem for name, problem in zip(("gone_1", "nowhere", "gone_2"), problems, strict=True)] == [
        True
    ] * 3


def test_a_default_folder_of_another_comparison_is_left_and_one_that_names_the_benchmark_taken(lab):
    for bench in ("b", "c"):
        write_comparison(lab / bench / "cmp", [write_run(lab / "runs" / bench / f"run_{bench}", [row(0)])])
    for bench, name in (("b", "cmp"), ("c", "c__cmp"), ("c", "c__cmp"), ("b", "cmp")):
        command = [sys.executable, "-m", "pipeline", "analyze", "--comparison-dir", str(lab / bench / "cmp")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"Numbers: results/{name}/analysis.json" in done.stdout
        assert ("belongs to another comparison" in done.stderr) == (bench == "c")


# --- What runs are called ------------------------------------------------------------------------------------


def test_names_come_from_run_results(tmp_path):
    run = write_run(tmp_path / "bench" / "folder", [row(0, model_name="from rows")])
    cells = {"run_dir": run, "model_name": "m", "run_index": "2", "run_id": "r", "benchmark_name": "b"}
    analysis = analyze(write_comparison(tmp_path / "cmp", [cells]))
    (only,) = analysis.inputs
    assert (only.run_id, only.model_name, only.benchmark_name) == ("r", "m", "b")
    assert analysis.turns[["row_id", "run_index"]].to_numpy().tolist() == [["r:0", 2]]


@pytest.mark.parametrize("absent", [{}, {"model_name": "", "run_id": "", "benchmark_name": "", "run_index": ""}])
def test_names_fall_back_to_rows_and_folders(tmp_path, absent):
    run = write_run(tmp_path / "bench" / "folder", [row(0, model_name="from rows")])
    analysis = analyze(write_comparison(tmp_path / "cmp", [{"run_dir": run} | absent]))
    (only,) = analysis.inputs
    assert (only.run_id, only.model_name, only.benchmark_name) == ("folder", "from rows", "bench")
    assert analysis.turns["run_index"].isna().all()


@pytest.mark.parametrize("name", [None, ""])
def test_a_model_that_no_row_names_is_called_like_its_folder(tmp_path, name):
    analysis = analyze(run_dir=write_run(tmp_path / "bench" / "folder", [row(0, model_name=name)]))
    assert [run.model_name for run in analysis.inputs] == ["folder"]


def test_a_mixed_run_takes_the_commonest_model_name_with_a_warning(tmp_path):
    names = ["rare", "common", "common", None]
    run = write_run(tmp_path / "run", [row(turn, model_name=name) for turn, name in enumerate(names)])
    analysis = analyze(run_dir=run)
    assert [run.model_name for run in analysis.inputs] == ["common"]
    (note,) = analysis.notes
    assert note.severity == "warning"
    assert "rare" in note.what
    assert "common" in note.what


def test_runs_of_one_model_are_told_apart(tmp_path):
    runs = [write_run(tmp_path / "bench" / name, [row(0)]) for name in ("run_1", "run_2")]
    analysis = analyze(run_dir=runs)
    assert analysis.turns["row_id"].tolist() == ["run_1:0", "run_2:0"]
    assert analysis.models("bench") == ("model-a",)


def test_where_run_ids_collide_all_colliding_runs_take_their_parent_too(tmp_path):
    runs = [write_run(tmp_path / place, [row(0)]) for place in ("x/run", "y/run", "y/other")]
    assert ids(find(runs=runs)[0]) == ["x/run", "y/run", "other"]


def test_ids_that_run_results_gives_twice_collide_as_well(tmp_path):
    runs = [write_run(tmp_path / place, [row(0)]) for place in ("x/run_1", "y/run_2")]
    cells = [{"run_dir": run, "run_id": "same"} for run in runs]
    assert ids(find(write_comparison(tmp_path / "cmp", cells))[0]) == ["x/run_1", "y/run_2"]


def test_colliding_ids_stay_unique_however_deep_the_folders_agree(tmp_path):
    runs = [write_run(tmp_path / place, [row(0)]) for place in ("a/x/run", "b/x/run", "c/run")]
    assert len(set(ids(find(runs=runs)[0]))) == 3


def test_paths_in_outputs_are_relative_to_the_comparison_or_the_common_parent(tmp_path):
    runs = [write_run(tmp_path / "bench" / name, [row(0)]) for name in ("run_1", "run_2")]
    of_runs, _ = find(runs=runs)
    of_comparison, _ = find(write_comparison(tmp_path / "cmps" / "cmp", runs))
    assert [run.source for run in of_runs.runs] == [
        "run_1/openai_judged.jsonl",
        "run_2/openai_judged.jsonl",
    ]
    assert of_comparison.runs[0].source == "../../bench/run_1/openai_judged.jsonl"


# --- run_results.csv -----------------------------------------------------------------------------------------


def csv_of(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "run_results.csv").write_bytes(as_line(content))
    return folder


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("run_dir,model_name\nrun,m\n", id="plain"),
        pytest.param("\ufeffrun_dir,model_name\nrun,m\n", id="byte-order mark"),
        pytest.param("run_dir,model_name\r\nrun,m\r\n", id="CRLF"),
        pytest.param("run_dir,model_name\nrun,m", id="no last newline"),
        pytest.param("run_dir,model_name\n\nrun,m\n\n", id="blank lines"),
        pytest.param('"run_dir","model_name"\n"run","m"\n', id="quoted"),
        pytest.param(" run_dir , model_name\nrun,m\n", id="spaces in the header"),
        pytest.param("new,model_name,run_dir\n1,m,run\n", id="other columns"),
        pytest.param("model_name,run_dir,run_id,benchmark_name\nm,run\n", id="short line"),
        pytest.param("run_dir,model_name\nrun,m,what,is,this\n", id="long line"),
    ],
)
def test_run_results_is_read_however_it_was_written(tmp_path, content):
    write_run(tmp_path / "cmp" / "run", [row(0)])
    listed, _ = find(csv_of(tmp_path / "cmp", content))
    assert [(run.run_id, run.model_name) for run in listed.runs] == [("run", "m")]


def test_a_quoted_newline_is_part_of_its_cell_and_lines_are_still_counted(tmp_path):
    write_run(tmp_path / "cmp" / "run", [row(0)])
    text = 'run_dir,model_name\nrun,"two\nlines"\ngone,x\n'
    listed, _ = find(csv_of(tmp_path / "cmp", text), skip_missing_runs=True)
    assert [run.model_name for run in listed.runs] == ["two\nlines"]
    (problem,) = problems_of(find, tmp_path / "cmp")
    assert "run_results.csv:4: " in problem


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param("model_name,run_id\nm,r\n", "run_dir", id="no run_dir column"),
        pytest.param("", "run_dir", id="empty"),
        pytest.param("run_dir\n", "no runs", id="header alone"),
        pytest.param("run_dir,model_name\n,m\n,n\n", "no run_dir", id="empty run_dir"),
        pytest.param(b"run_dir\ncaf\xe9\n", "UTF-8", id="Latin-1"),
        pytest.param("run_dir\nrun\n".encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param('run_dir\n"run', "CSV", id="open quote"),
        pytest.param('run_dir\n"run"x\n', "CSV", id="text after a quote"),
    ],
)
def test_a_run_results_that_cannot_be_used_is_an_error(tmp_path, content, what):
    problems = problems_of(find, csv_of(tmp_path / "cmp", content))
    assert all(what in problem and "run_results.csv" in problem for problem in problems)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda p: (p / "run_results.csv").mkdir(parents=True)])
def test_a_folder_without_run_results_is_an_error(tmp_path, make):
    make(tmp_path / "cmp")
    with pytest.raises(InputError, match="cmp"):
        find(tmp_path / "cmp")


# --- Through the command -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--run-dir", "bench/run_a", "bench/run_b"],
        ["--run-dir", "bench/run_a", "--run-dir", "bench/run_b"],
        ["--run-dir=bench/run_a", "bench/run_b", "--judge", "openai"],
    ],
)
def test_run_dir_takes_several_folders(comparison, cli, arguments):
    done = cli("check", *arguments, "--json", cwd=comparison.parent)
    assert done.returncode == 0
    assert [run["run_id"] for run in json.loads(done.stdout)["inputs"]] == ["run_a", "run_b"]


def test_with_run_dir_a_comparison_is_ignored_and_the_output_says_so(comparison, cli):
    done = cli("check", "--run-dir", "in/bench/run_b", "--comparison-dir", comparison, "--json")
    assert [run["run_id"] for run in json.loads(done.stdout)["inputs"]] == ["run_b"]
    assert "cmp" in done.stderr
    assert "ignored" in done.stderr
    assert "ignored" in done.stdout


def test_a_run_found_elsewhere_is_named_on_stderr_and_json_stays_alone_on_stdout(comparison, cli):
    write_comparison(comparison, ["/data/evals/run_a"])
    done = cli("check", "--comparison-dir", comparison, "--runs-root", "in", "--json")
    assert "/data/evals/run_a" in done.stderr
    assert "bench/run_a" in done.stderr
    assert [run["run_id"] for run in json.loads(done.stdout)["inputs"]] == ["run_a"]


@pytest.mark.parametrize("run_dir", ["~nobody-of-this-name/run", "x" * 300, "a\0b"])
def test_a_run_dir_that_no_file_system_takes_is_a_missing_run(comparison, cli, run_dir):
    csv_of(comparison, f"run_dir\n{run_dir}\n")
    done = cli("check", "--comparison-dir", comparison)
    assert done.returncode == 2
    assert "run_results.csv:2: " in done.stderr


@pytest.mark.parametrize("option", ["--run-dir", "--comparison-dir", "--runs-root"])
@pytest.mark.parametrize("path", ["~nobody-of-this-name/run", "x" * 300])
def test_an_option_that_names_an_impossible_path_is_an_error(comparison, cli, option, path):
    more = [] if option != "--runs-root" else ["--comparison-dir", comparison]
    done = cli("check", option, path, *more)
    assert done.returncode == 2
    assert path in done.stderr
