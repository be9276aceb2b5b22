"""Bad input through the real command: every problem with its place and a fix, exit code 2, nothing written."""

import json
import os
import re
import sys

import pytest
from builders import as_line, failing, listing, row, write_comparison, write_lines, write_run

from pipeline import analyze
from pipeline.errors import PipelineError

BAD_SCORE = row(7, {"tool_use_correct": "no"})


@pytest.fixture
def faulty(tmp_path):
    """A comparison of two runs that both hold bad lines: run_a lines 2, 4 and 5, run_b line 1."""
    a = write_run(
        tmp_path / "in" / "run_a",
        [row(0), '{"turn": 1', failing(2), {"scores": {}}, b'{"turn":3,"user_text":"caf\xe9","scores":{}}'],
    )
    b = write_run(tmp_path / "in" / "run_b", [BAD_SCORE, failing(1, model_name="model-b")])
    return write_comparison(tmp_path / "in" / "cmp", [a, b])


def error_lines(done):
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


# --- Without --skip-bad-rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["analyze", "check"])
def test_every_problem_of_every_file_is_printed_and_nothing_is_written(faulty, cli, tmp_path, command):
    before = listing(tmp_path)
    done = cli(command, "--comparison-dir", faulty)
    assert (done.returncode, done.stdout) == (2, "")
    places = ["run_a/openai_judged.jsonl:2: ", "run_a/openai_judged.jsonl:4: ", "run_a/openai_judged.jsonl:5: "]
    places.append("run_b/openai_judged.jsonl:1: ")
    printed = error_lines(done)
    assert [place in line for place, line in zip(places, printed, strict=True)] == [True] * 4
    assert ["JSON" in printed[0], "turn" in printed[1], "UTF-8" in printed[2]] == [True] * 3
    assert "tool_use_correct" in printed[3]
    assert "write false" in printed[3]
    assert listing(tmp_path) == before


def test_a_folder_that_output_names_is_not_left_behind_either(faulty, tmp_path):
    before = listing(tmp_path)
    with pytest.raises(PipelineError):
        analyze(faulty, output=tmp_path / "deep" / "er" / "report.md")
    assert listing(tmp_path) == before


def test_an_earlier_analysis_stays_as_it_was(comparison, tmp_path):
    analyze(comparison, output=tmp_path / "out")
    before = listing(tmp_path / "out")
    write_run(tmp_path / "in" / "bench" / "run_a", [row(0), "{broken"])
    with pytest.raises(PipelineError):
        analyze(comparison, output=tmp_path / "out")
    assert listing(tmp_path / "out") == before


def test_a_terminal_shows_20_problems_a_file_and_the_total(cli, tmp_path):
    a = write_run(tmp_path / "in" / "run_a", [f'{{"turn": {n}' for n in range(25)])
    b = write_run(tmp_path / "in" / "run_b", ["{"] * 20)
    done = cli("check", "--run-dir", a, b)
    lines_a = [line for line in error_lines(done) if "run_a/openai_judged.jsonl:" in line]
    lines_b = [line for line in error_lines(done) if "run_b/openai_judged.jsonl:" in line]
    assert [f"jsonl:{n}: " in line for n, line in enumerate(lines_a[:20], 1)] == [True] * 20
    (total,) = lines_a[20:]
    assert "25" in total
    assert "--json" in total
    assert len(lines_b) == 20


def test_json_gives_all_problems_as_one_object_on_stdout(cli, tmp_path):
    a = write_run(tmp_path / "in" / "run_a", ["{"] * 25)
    b = write_run(tmp_path / "in" / "run_b", ['{"turn": -1, "scores": 3}'])
    done = cli("analyze", "--run-dir", a, b, "--json")
    error = json.loads(done.stdout)["error"]
    assert list(json.loads(done.stdout)) == ["error"]
    assert done.returncode == error["exit_code"] == 2
    assert len(error["problems"]) == 27
    assert all(set(problem) == {"where", "what", "fix"} for problem in error["problems"])
    assert all(problem["what"] and problem["fix"] for problem in error["problems"])
    assert error["problems"][24]["where"].endswith("run_a/openai_judged.jsonl:25")
    assert not (tmp_path / "results").exists()


def test_a_truncated_last_line_is_named_with_its_number(tmp_path):
    run = tmp_path / "run"
    write_run(run, [row(0), row(1)])
    path = run / "openai_judged.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PipelineError, match=r"openai_judged\.jsonl:2: not JSON"):
        analyze(run_dir=run)


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_a_run_without_any_row_is_an_error(tmp_path, content):
    run = write_run(tmp_path / "run_a")
    (run / "openai_judged.jsonl").write_bytes(content)
    with pytest.raises(PipelineError, match=r"run_a/openai_judged\.jsonl"):
        analyze(run_dir=[run, write_run(tmp_path / "run_b", [row(0)])])


def _mkdir(path):
    path.mkdir()


def _broken_link(path):
    path.symlink_to("nowhere")


def _endless_link(path):
    path.symlink_to(path)


@pytest.mark.parametrize("make", [_mkdir, os.mkfifo, _broken_link, _endless_link])
def test_what_is_no_file_is_an_error_that_names_it(cli, tmp_path, make):
    run = tmp_path / "in" / "run_a"
    run.mkdir(parents=True)
    make(run / "openai_judged.jsonl")
    done = cli("analyze", "--run-dir", run)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run_a" in done.stderr
    assert not (tmp_path / "results").exists()


def test_files_that_cannot_be_read_are_named_all_together_with_the_bad_lines(tmp_path):
    for name in ("run_a", "run_c"):
        (tmp_path / name / "openai_judged.jsonl").mkdir(parents=True)
    write_run(tmp_path / "run_b", ["{"])
    with pytest.raises(PipelineError) as error:
        analyze(run_dir=[tmp_path / name for name in ("run_a", "run_b", "run_c")])
    said = str(error.value)
    assert [name in said for name in ("run_a", "run_b", "run_c")] == [True, True, True]


def test_what_a_bad_line_says_cannot_steer_the_terminal(cli, tmp_path):
    name = "a\x1b[31m\u202e\r\n"
    done = cli("check", "--run-dir", write_run(tmp_path / "run", [row(0, {name: "x\x1b]0;title\x07"})]))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not set(done.stderr) & set("\x1b\x07\u202e\r")


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take no such name")
@pytest.mark.parametrize("command", ["analyze", "check"])
def test_a_run_folder_whose_name_is_not_utf8_loads_or_is_an_error_but_never_a_crash(cli, tmp_path, command):
    run = write_run(tmp_path / os.fsdecode(b"run_\xff"), [failing(0)])
    done = cli(command, "--run-dir", run)
    assert done.returncode in {0, 2}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["check"], "--comparison-dir"),
        (["check", "--run-dir", "nowhere"], "nowhere"),
        (["check", "--comparison-dir", "nowhere"], "nowhere"),
        (["check", "--unknown"], "--unknown"),
        (["check", "--run-dir"], "--run-dir"),
        (["unknown"], "unknown"),
        (["check", "--run-dir", "in/run_b", "--compare-by", "colour"], "colour"),
    ],
)
def test_bad_usage_exits_2_with_one_line_and_json_says_the_same(faulty, cli, arguments, what):
    assert faulty.is_dir()
    plain, as_json = cli(*arguments), cli(*arguments, "--json")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert what in plain.stderr
    assert as_json.returncode == json.loads(as_json.stdout)["error"]["exit_code"] == 2


# --- With --skip-bad-rows ------------------------------------------------------------------------------------


def test_skip_bad_rows_goes_on_without_them(faulty, cli, tmp_path):
    done = cli("analyze", "--comparison-dir", faulty, "--skip-bad-rows")
    assert done.returncode == 0
    folder = tmp_path / "results" / "cmp"
    models = json.loads((folder / "analysis.json").read_text())["benchmarks"]["in"]["models"]
    assert {name: (model["rows_judged"], model["failed_rows"]) for name, model in models.items()} == {
        "model-a": (2, 1),
        "model-b": (1, 1),
    }
    assert "rejected_rows.jsonl" in done.stdout


def test_rejected_rows_hold_file_line_reason_and_raw_text(faulty, tmp_path):
    analyze(faulty, skip_bad_rows=True, output=tmp_path / "out")
    written = (tmp_path / "out" / "rejected_rows.jsonl").read_text(encoding="utf-8")
    rejected = [json.loads(line) for line in written.splitlines()]
    assert [set(line) for line in rejected] == [{"file", "line", "reason", "raw"}] * 4
    a, b = "../run_a/openai_judged.jsonl", "../run_b/openai_judged.jsonl"
    assert [(line["file"], line["line"]) for line in rejected] == [(a, 2), (a, 4), (a, 5), (b, 1)]
    assert rejected[0]["raw"] == '{"turn": 1'
    assert json.loads(rejected[3]["raw"]) == BAD_SCORE
    assert "caf" in rejected[2]["raw"]
    assert "tool_use_correct" in rejected[3]["reason"]


def test_a_line_with_several_faults_is_rejected_once_for_all_its_reasons(tmp_path):
    run = write_run(tmp_path / "run", [row(0), row(-1, {"a": "x", "b": "y"})])
    (rejected,) = analyze(run_dir=run, skip_bad_rows=True).rejected
    assert ["turn" in rejected.reason, '"a"' in rejected.reason, '"b"' in rejected.reason] == [True] * 3


def test_the_top_of_the_report_says_how_many_rows_were_left_out_and_where_they_are(faulty, tmp_path):
    analyze(faulty, skip_bad_rows=True, output=tmp_path / "out")
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    top = report.partition("\n## Top line")[0]
    assert "rejected_rows.jsonl" in top.replace("\\_", "_")
    assert re.search(r"\b4 (bad )?(rows|lines)\b", top)


def test_skip_bad_rows_with_nothing_bad_writes_no_rejected_rows(comparison, tmp_path):
    analyze(comparison, skip_bad_rows=True, output=tmp_path / "out")
    assert not (tmp_path / "out" / "rejected_rows.jsonl").exists()


def test_when_no_row_is_left_exit_2_and_nothing_written(cli, tmp_path):
    runs = [write_run(tmp_path / name, ["{", BAD_SCORE]) for name in ("run_a", "run_b")]
    before = listing(tmp_path)
    done = cli("analyze", "--run-dir", *runs, "--skip-bad-rows")
    assert (done.returncode, done.stdout) == (2, "")
    assert error_lines(done)
    assert listing(tmp_path) == before


def test_a_run_that_loses_all_its_rows_is_named_and_the_others_go_on(tmp_path):
    bad = write_run(tmp_path / "run_a", ["{"])
    analysis = analyze(run_dir=[bad, write_run(tmp_path / "run_b", [failing(0)])], skip_bad_rows=True)
    assert analysis.turns["row_id"].tolist() == ["run_b:0"]
    assert any("run_a" in note.where for note in analysis.notes)


def test_a_truncated_last_line_can_be_skipped(tmp_path):
    path = write_lines(tmp_path / "run" / "openai_judged.jsonl", [row(0), failing(1)])
    path.write_bytes(path.read_bytes() + as_line(row(2))[:-9])
    analysis = analyze(run_dir=tmp_path / "run", skip_bad_rows=True)
    assert analysis.turns["turn"].tolist() == [0, 1]
    assert [line.line for line in analysis.rejected] == [3]


def test_a_skipped_row_does_not_take_the_place_of_a_good_one_of_its_turn(tmp_path):
    run = write_run(tmp_path / "run", [failing(0), row(0, {"tool_use_correct": "yes"})])
    analysis = analyze(run_dir=run, skip_bad_rows=True)
    assert analysis.turns["failed"].tolist() == [True]


# --- Unusual but sound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("extreme", [0, 2**53 + 1, 2**63 - 1])
def test_any_turn_number_is_a_turn(tmp_path, extreme):
    analysis = analyze(run_dir=write_run(tmp_path / "run", [failing(extreme)]), output=tmp_path / "out")
    assert analysis.turns["row_id"].tolist() == [f"run:{extreme}"]


def test_everything_that_other_writers_emit_goes_through_to_valid_outputs(tmp_path):
    rows = [
        "﻿" + json.dumps(failing(2, assistant_text="a\u2028b", latency_ms=2**53 + 1), ensure_ascii=False),
        failing(0, user_text="\ud800", tool_calls=[{"\udfff": float("nan")}, 10**40], new={"x": float("inf")}),
        as_line(failing(1)).replace(b", ", b",\r") + b"\r",
        failing(3, tool_calls=["x", {"args": "\r"}], judge_reasoning="\x00\x1b"),
    ]
    analyze(run_dir=write_run(tmp_path / "run", rows), output=tmp_path / "out")
    packet = (tmp_path / "out" / "failure_review_rows.jsonl").read_bytes().decode().split("\n")
    turns = [json.loads(line, parse_constant=pytest.fail)["turn"] for line in packet if line]
    assert turns == [0, 1, 2, 3]
    json.loads((tmp_path / "out" / "analysis.json").read_bytes().decode(), parse_constant=pytest.fail)
