"""Hostile names, bytes and shapes through the real command line: a documented exit code, and no raw character."""

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from builders import failing, row, write_comparison, write_run, write_summary, write_transcript
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.cli.main import run as run_command
from pipeline.load.repair import MAX_DEPTH

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
ME = ("--reviewer", "me", "--reviewer-kind", "human")
NASTY = st.sampled_from("\n\r\t\x00\x07\x1b\x7f\x85\x9b\u200b\u200e\u202e\u2066\u2028\ufeff\U000e0041|`<&'\"=;a: \\é模")
NAMES = st.text(NASTY | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def in_process(*arguments):
    """Run the command in this process; return its exit code, stdout and stderr."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        code = run_command([os.fspath(argument) for argument in arguments])
    finally:
        sys.stdout, sys.stderr = before
    return code, *(stream.buffer.getvalue().decode() for stream in streams)


def check_text(text):
    assert not RAW.search(text), RAW.search(text)
    assert "Traceback" not in text


# --- Names -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(NAMES, NAMES, NAMES, NAMES)
@settings(max_examples=25)
@example("x\nscores: fine pass\njudge: fine", "m\u202ea", "run\u202eb", "bench\x85c")
@example("a\rb", "\U000e0041", "run\n=== other:0", "=1")
def test_names_are_exact_in_json_and_visible_elsewhere(dimension, model, run_id, benchmark):
    with TemporaryDirectory() as folder:
        home = Path(folder)
        run = write_run(home / "runs" / "r", [row(0, {dimension: False}), row(1, {dimension: True})])
        named = {"run_dir": str(run), "model_name": model, "run_id": run_id, "benchmark_name": benchmark}
        comparison, out = write_comparison(home / "cmp", [named]), home / "out"
        code, stdout, stderr = in_process("analyze", "--comparison-dir", comparison, "--output", out)
        assert code in {0, 2}, stderr
        check_text(stdout)
        check_text(stderr)
        if code:
            assert re.search(r"run_results\.csv:\d+: ", stderr)
            return
        for name in (
            "analysis.json",
            "failure_review_rows.jsonl",
            "deep_error_analysis.md",
            "deep_error_analysis.html",
        ):
            check_text((out / name).read_text(encoding="utf-8"))
        (packet,) = map(json.loads, (out / "failure_review_rows.jsonl").read_text(encoding="utf-8").splitlines())
        facts = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
        (listed,) = facts["inputs"]
        assert packet["row_id"] == f"{listed['run_id']}:0"
        assert (packet["model_name"], packet["run_id"]) == (listed["model_name"], listed["run_id"])
        assert packet["failed_dimensions"] == [dimension] == facts["included_dimensions"]
        with (out / "failure_review_rows.csv").open(newline="", encoding="utf-8") as stream:
            (cells,) = csv.DictReader(stream, strict=True)
        for name in ("row_id", "run_id", "model_name", "benchmark_name", "failed_dimensions", "scores_json"):
            check_text(cells[name])
            assert "\n" not in cells[name]
        assert json.loads(cells["scores_json"]) == {dimension: False}
        code, stdout, stderr = in_process("review", "next", out, *ME)
        assert code == 0, stderr
        check_text(stdout)
        labels = [line.partition(":")[0] for line in stdout.splitlines()]
        assert labels.count("scores") == labels.count("judge") == 1
        assert sum(line.startswith("===") for line in stdout.splitlines()) == 1
        code, stdout, _ = in_process("review", "next", out, *ME, "--json")
        check_text(stdout)
        (shown,) = json.loads(stdout)["rows"]
        assert shown["row_id"] == packet["row_id"]
        for command in (("summary", out), ("review", "status", out, *ME)):
            code, stdout, stderr = in_process(*command)
            assert code == 0, stderr
            check_text(stdout)


def test_a_row_is_found_by_its_id_as_outputs_show_it(cli, tmp_path):
    run = {"run_dir": str(write_run(tmp_path / "r", [failing(0)])), "run_id": "run\u202eb"}
    out = tmp_path / "out"
    assert (
        cli("analyze", "--comparison-dir", write_comparison(tmp_path / "cmp", [run]), "--output", out).returncode == 0
    )
    done = cli("review", "show", out, "run\\u202eb:0", *ME)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "=== run\\u202eb:0")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are always UTF-8")
def test_ids_that_the_locale_cannot_encode_can_be_named(tmp_path):
    run = write_run(tmp_path / "läufe" / "rün-模", [failing(0)])
    comparison = write_comparison(tmp_path / "cmp", [run])
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for arguments in (
        ["analyze", "--comparison-dir", str(comparison), "--output", str(tmp_path / "out")],
        ["review", "show", str(tmp_path / "out"), "rün-模:0", *ME],
    ):
        command = [sys.executable, "-m", "pipeline", *arguments]
        done = subprocess.run(command, env=ascii_only, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert "=== rün-模:0".encode() in done.stdout


# --- Shapes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["summary"], ["review", "show"], ["report"], ["review", "show", "--json"]])
def test_what_analyze_loads_every_other_command_shows_however_deep(cli, tmp_path, command):
    depth = MAX_DEPTH - 1
    deep = json.loads("[" * depth + "]" * depth)
    run, out = write_run(tmp_path / "r", [failing(0, tool_calls=deep, tool_results=deep)]), tmp_path / "out"
    assert cli("analyze", "--run-dir", run, "--output", out).returncode == 0
    words, options = [w for w in command if w[0] != "-"], [w for w in command if w[0] == "-"]
    given_row = ["r:0", *ME] if "show" in words else []
    done = cli(*words, out, *given_row, *options)
    assert done.returncode == 0, done.stderr


def test_cells_of_any_size_load(cli, tmp_path):
    run = {"run_dir": str(write_run(tmp_path / "r", [row(0)])), "remark": "x" * 300_000}
    done = cli("check", "--comparison-dir", write_comparison(tmp_path / "cmp", [run]))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("column", ["run_dir", "model_name", "remark"])
def test_a_nul_in_any_cell_is_an_error_with_its_line(cli, tmp_path, column):
    run = {"run_dir": str(write_run(tmp_path / "r", [row(0)])), "model_name": "m", "remark": "x"}
    done = cli("check", "--comparison-dir", write_comparison(tmp_path / "cmp", [run, {**run, column: "a\0b"}]))
    assert done.returncode == 2
    assert "run_results.csv:3: " in done.stderr


@pytest.mark.parametrize("option", ["--run-dir", "--comparison-dir", "--runs-root", "--rules", "--output"])
def test_a_nul_in_a_path_is_an_error(comparison, option):
    code, _, stderr = in_process("analyze", "--comparison-dir", comparison, option, "a\0b")
    assert code == 2
    check_text(stderr)


# --- What is no regular file -----------------------------------------------------------------------------------


def _fifo(path):
    os.mkfifo(path)


def _socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def _device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_fifo, _socket, _device])
@pytest.mark.parametrize("name", ["judged", "transcript", "summary", "run_results", "rules", "import"])
def test_what_is_no_regular_file_is_said_and_never_waited_for(cli, comparison, tmp_path, make, name):
    run = tmp_path / "in" / "bench" / "run_a"
    write_transcript(run, [])
    write_summary(run, {})
    path = {
        "judged": run / "openai_judged.jsonl",
        "transcript": run / "transcript.jsonl",
        "summary": run / "openai_summary.json",
        "run_results": comparison / "run_results.csv",
    }.get(name, tmp_path / name)
    if name == "import":
        assert cli("analyze", "--comparison-dir", comparison, "--output", tmp_path / "out").returncode == 0
    path.unlink(missing_ok=True)
    make(path)
    if name == "import":
        done = cli("review", "import", tmp_path / "out", path, *ME)
    else:
        done = cli("check", "--comparison-dir", comparison, *(["--rules", path] if name == "rules" else []))
    assert done.returncode == (0 if name in {"transcript", "summary"} else 2)
    assert "not a regular file" in done.stdout + done.stderr


# --- Long lists ------------------------------------------------------------------------------------------------


def test_many_moved_runs_are_one_line_and_a_count(cli, tmp_path):
    runs = [write_run(tmp_path / "runs" / f"run_{n}", [row(0, model_name="m")]) for n in range(60)]
    comparison = write_comparison(tmp_path / "cmp", [{"run_dir": f"/elsewhere/{run.name}"} for run in runs])
    done = cli("check", "--comparison-dir", comparison)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "59 more runs found elsewhere" in done.stderr


def test_problems_and_notes_of_many_runs_are_bounded_in_text_and_whole_in_json(cli, tmp_path):
    runs = [write_run(tmp_path / "bad" / f"run_{n}", ["{"]) for n in range(300)]
    done = cli("check", "--run-dir", *runs)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 201
    assert "100 more" in done.stderr
    assert len(json.loads(cli("check", "--run-dir", *runs, "--json").stdout)["error"]["problems"]) == 300
    runs = [write_run(tmp_path / "silent" / f"run_{n}", [failing(0, judge_reasoning="")]) for n in range(300)]
    done = cli("check", "--run-dir", *runs)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 202
    assert "100 more" in done.stdout


# --- Files beside the runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--reference", "--turn-metadata"])
@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (b'{"turn": 0, "input": "a"}\n \n', "other:2: white space"),
        (b'{"turn": 0, "input": "a"}\n\xef\xbb\xbf{"turn": 1, "input": "b"}\n', "other:2: begins with a byte-order"),
        (b'{"turn": 0, "input": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", f"other:1: nested more than {MAX_DEPTH}"),
        (b'{"turn": 0, "input": "\xff"}\n', "other:1: not UTF-8"),
        (b'{"turn": 0, "input": \n', "other:1: not JSON"),
    ],
)
def test_every_file_of_json_lines_is_read_by_one_rule(tmp_path, option, lines, says):
    run = write_run(tmp_path / "run", [row(0)])
    other = tmp_path / "other.jsonl"
    other.write_bytes(lines)
    code, _, stderr = in_process("analyze", "--run-dir", run, "--output", tmp_path / "out", option, other)
    assert code == 2
    assert says.replace("other", str(other)) in stderr
    assert len(stderr) < 1000


def test_cells_of_turn_metadata_are_of_any_size_but_hold_no_nul(tmp_path):
    run = write_run(tmp_path / "run", [row(0)])
    table = tmp_path / "meta.csv"
    asked = ("analyze", "--run-dir", run, "--output", tmp_path / "out", "--turn-metadata", table)
    table.write_bytes(b'turn,category\n0,"' + b"x" * 200_000 + b'"\n')
    assert in_process(*asked)[0] == 0
    table.write_bytes(b"turn,category\n0,a\x00b\n")
    code, _, stderr = in_process(*asked)
    assert (code, f"{table}:2: holds a NUL" in stderr) == (2, True)
