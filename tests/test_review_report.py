"""From analyze to a FINAL report through the commands, and what the report says on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builders import failing, row, write_comparison, write_run

DATA = Path(__file__).parents[1] / "data_samples"
CLINIC = DATA / "comparisons" / "clinic_three_models"
REVIEWED = DATA / "reviews" / "clinic_three_models" / "reviews.jsonl"
BOT = ("--reviewer", "bot", "--reviewer-kind", "agent")
STATE = "state_memory_failure"


@pytest.fixture
def run(cli):
    """Run a command that must end with a code, and give what it prints."""

    def run(*arguments, code=0):
        done = cli(*arguments)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


def decide(run, row_id, bucket, attribution="model", *more):
    run("review", "show", "out", row_id, *BOT)
    run("review", "record", "out", row_id, "--bucket", bucket, "--attribution", attribution, *more, *BOT)


def describe(run, model, bucket, *rows):
    text = ("--what-goes-wrong", f"{model} loses what was said.", "--triggers", "Names given early.")
    run("review", "describe", "out", "--model", model, "--bucket", bucket, *text, "--row", *rows, *BOT)


def contents(folder):
    kept = {"local.json", "inputs.d"}
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in kept}


@pytest.fixture
def small(run, tmp_path):
    """Two models; `a` fails turns 1 to 3, `b` turn 4; every reasoning says that something was forgotten."""
    said = {"judge_reasoning": "It forgot the name and asked again."}
    a = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), *(failing(turn, **said) for turn in (1, 2, 3)), row(4)])
    b_rows = [row(0), row(1), row(2), row(3), failing(4, **said)]
    b = write_run(tmp_path / "in" / "bench" / "run_b", [each | {"model_name": "model-b"} for each in b_rows])
    run("analyze", "--comparison-dir", write_comparison(tmp_path / "in" / "cmp", [a, b]), "--output", "out")
    return tmp_path / "out"


def test_an_agent_takes_a_comparison_to_a_final_report(run, tmp_path):
    run("analyze", "--comparison-dir", CLINIC, "--output", "out")
    said = run("report", "out", "--final", "--json", code=4)
    assert json.loads(said)["error"]["exit_code"] == 4
    for _ in range(40):
        status = json.loads(run("review", "status", "out", "--json", *BOT))
        if not any(entry["rows"] < entry["rows_needed"] for entry in status["gate_missing"]):
            break
        rows = json.loads(run("review", "next", "out", "--json", *BOT))["rows"]
        for each in rows:
            mode = each["provisional"]["mode"] if each["failed"] else "no_model_error"
            options = ("--bucket", mode, "--attribution", "model", "--note", "Read.")
            run("review", "record", "out", each["row_id"], *options, *BOT)
    assert status["status"] == "in_review"
    assert all(entry["finding"] is False for entry in status["gate_missing"])
    decided = {}
    for line in (tmp_path / "out" / "reviews.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "decision":
            decided.setdefault((event["row_id"].partition("_2026")[0], event["bucket"]), []).append(event["row_id"])
    for entry in status["gate_missing"]:
        describe(run, entry["model_name"], entry["bucket"], *decided[entry["model_name"], entry["bucket"]])
    run("report", "out", "--final")
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    failed = len((tmp_path / "out" / "failure_review_rows.jsonl").read_text().splitlines())
    analysis = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert analysis["status"] == "final"
    assert f"**Status: FINAL ({analysis['review']['decided']} of {failed} failed rows reviewed; " in report
    assert "every line holds (FINAL)" in run("report", "out", "--verify")


def test_the_reviewed_sample_is_final_and_stays_so(run, tmp_path):
    (tmp_path / "out").mkdir()
    shutil.copy(REVIEWED, tmp_path / "out")
    run("analyze", "--comparison-dir", CLINIC, "--output", "out")
    before = contents(tmp_path / "out")
    analysis = json.loads(before["analysis.json"])
    assert (analysis["status"], analysis["review"]["decided"], analysis["review"]["gate_missing"]) == ("final", 33, [])
    run("report", "out", "--final")
    run("analyze", "--comparison-dir", CLINIC, "--output", "out")
    assert contents(tmp_path / "out") == before
    report = before["deep_error_analysis.md"].decode()
    assert report.count("**What goes wrong**") == len(analysis["review"]["findings"])
    assert "does NOT hold" not in report
    said = run("summary", "out")
    assert "FINAL (33 of 33 failed rows reviewed; " in said
    assert "state_memory_failure 4 reviewed, 0 provisional" in said
    assert "Themes of these turns: knowledge_grounding_error" in said


def test_the_gate_refuses_the_sample_without_a_review_and_writes_nothing(run, tmp_path):
    run("analyze", "--comparison-dir", CLINIC, "--output", "out")
    before = contents(tmp_path / "out")
    said = run("report", "out", "--final", code=4)
    assert "heron-voice-1: state_memory_failure: 0 of 2 rows decided" in said
    assert contents(tmp_path / "out") == before


def test_the_states_of_a_report(run, small):
    def status():
        run("report", "out")
        analysis = json.loads((small / "analysis.json").read_text())
        return analysis["status"], analysis["review"]["decided"]

    assert status() == ("provisional", 0)
    decide(run, "run_a:1", STATE)
    assert status() == ("in_review", 1)
    decide(run, "run_a:2", "other")
    decide(run, "run_b:4", "no_model_error", "grader")
    describe(run, "model-a", STATE, "run_a:1")
    describe(run, "model-a", "other", "run_a:2")
    describe(run, "model-b", "no_model_error", "run_b:4")
    assert status() == ("in_review", 3)  # two rows are in the first bucket, and one of them is provisional
    decide(run, "run_a:3", STATE)
    assert status() == ("final", 4)
    report = (small / "deep_error_analysis.md").read_text()
    assert "No error of the model" in report
    assert "model-a loses what was said." in report


def test_reviewed_and_provisional_rows_are_counted_apart(run, small):
    decide(run, "run_a:1", "incomplete_correction")
    run("report", "out")
    buckets = json.loads((small / "analysis.json").read_text())["benchmarks"]["bench"]["models"]["model-a"]["buckets"]
    assert buckets == {
        "incomplete_correction": {"reviewed": 1, "provisional": 0},
        STATE: {"reviewed": 0, "provisional": 2},
    }
    table = {row["row_id"]: row for row in pq.read_table(small / "tables" / "reviews.parquet").to_pylist()}
    assert table["run_a:1"] == {
        "row_id": "run_a:1",
        "provisional_mode": STATE,
        "bucket": "incomplete_correction",
        "attribution": "model",
        "review_state": "decided",
        "reviewers": ["bot"],
    }
    assert table["run_a:2"]["review_state"] == "unopened"
    turns = {row["row_id"]: row for row in pq.read_table(small / "tables" / "turns.parquet").to_pylist()}
    assert (turns["run_a:1"]["bucket"], turns["run_a:1"]["bucket_source"]) == ("incomplete_correction", "review")
    assert (turns["run_a:2"]["bucket"], turns["run_a:2"]["bucket_source"]) == (STATE, "rule")
    assert turns["run_a:0"]["bucket"] is None


def test_attributions_change_the_rate_after_and_never_the_rate_before(run, small):
    decide(run, "run_a:1", "judge_error", "grader")
    decide(run, "run_a:2", "empty_response_execution_failure", "pipeline")
    decide(run, "run_a:3", STATE, "mixed")
    run("report", "out")
    report = (small / "deep_error_analysis.md").read_text()
    (line,) = [
        line for line in report.splitlines() if line.startswith("| model-a") and "3/5, 60.0%" in line and "1/4" in line
    ]
    assert "1/4, 25.0%" in line


def change_turn(tmp_path, name, number, **fields):
    file = tmp_path / "in" / "bench" / name / "openai_judged.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[number] |= fields
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))


def test_a_decision_on_a_row_that_changed_is_stale_or_orphaned_and_counts_nowhere(run, small, tmp_path):
    for row_id in ("run_a:1", "run_a:2"):
        decide(run, row_id, STATE)
    decide(run, "run_b:0", "no_model_error", "grader")
    run("report", "out")
    assert "Controls" in (small / "deep_error_analysis.md").read_text()
    change_turn(tmp_path, "run_a", 1, assistant_text="Another answer.")
    change_turn(tmp_path, "run_a", 2, scores={"tool_use_correct": True})
    change_turn(tmp_path, "run_b", 0, user_text="Another question.")
    assert "does not hold" in run("report", "out", "--verify", code=4)
    run("report", "out")
    review = json.loads((small / "analysis.json").read_text())["review"]
    assert (review["failed_rows"], review["decided"], review["stale"]) == (3, 0, 1)
    report = (small / "deep_error_analysis.md").read_text()
    assert "PROVISIONAL (0 of 3" in report
    (orphaned,) = [line for line in report.splitlines() if "**Orphaned**" in line]
    assert "run_a:2 (state_memory_failure)" in orphaned
    assert "run_b:0 (no_model_error)" in orphaned
    status = json.loads(run("review", "status", "out", "--json", *BOT))
    assert (status["stale_rows"], status["orphaned"]) == (["run_a:1"], ["run_a:2", "run_b:0"])


def test_a_control_fits_though_a_dimension_is_left_out(run, small, tmp_path):
    for name in ("run_a", "run_b"):
        change_turn(tmp_path, name, 0, scores={"tool_use_correct": True, "style": False})
    comparison = tmp_path / "in" / "cmp"
    run("analyze", "--comparison-dir", comparison, "--output", "out", "--exclude-dimension", "style")
    decide(run, "run_a:0", "no_model_error", "grader")
    run("report", "out")
    assert "**Controls** (1 row" in (small / "deep_error_analysis.md").read_text()
    assert json.loads(run("review", "status", "out", "--json", *BOT))["controls"] == 1


def test_a_decided_row_that_passes_once_its_dimension_is_left_out_is_a_control(run, small, tmp_path):
    decide(run, "run_b:4", STATE)
    change_turn(tmp_path, "run_a", 0, scores={"tool_use_correct": True, "kb": True})
    run(
        "analyze",
        "--comparison-dir",
        tmp_path / "in" / "cmp",
        "--output",
        "out",
        "--exclude-dimension",
        "tool_use_correct",
    )
    report = (small / "deep_error_analysis.md").read_text()
    assert "FINAL (0 of 0" in report
    status = json.loads(run("review", "status", "out", "--json", *BOT))
    assert (status["controls"], status["orphaned"]) == (1, [])


def test_verify_names_lines_that_were_changed_by_hand_and_writes_nothing(run, small):
    path = small / "deep_error_analysis.md"
    path.write_text(path.read_text().replace("3/5, 60.0%", "2/5, 40.0%"))
    before = contents(small)
    said = run("report", "out", "--verify", code=4)
    assert "2/5, 40.0%" in said
    assert "now: " in said
    assert contents(small) == before
    as_json = json.loads(run("report", "out", "--verify", "--json", code=4))
    assert all("deep_error_analysis.md" in problem["where"] for problem in as_json["error"]["problems"])


@pytest.mark.parametrize("edited", [("html",), ("md",), ("html", "md")])
def test_verify_blames_only_the_files_that_differ(run, small, edited):
    for ending in edited:
        path = small / f"deep_error_analysis.{ending}"
        path.write_text(path.read_text().replace("3/5, 60.0%", "2/5, 40.0%"))
    problems = json.loads(run("report", "out", "--verify", "--json", code=4))["error"]["problems"]
    blamed = {Path(problem["where"].partition(":")[0]).name for problem in problems}
    assert blamed == {f"deep_error_analysis.{ending}" for ending in edited}
    leading = [problem["where"] for problem in problems if problem["what"].startswith("does not hold as it is")]
    assert sorted(Path(where).name for where in leading) == sorted(blamed)


def test_runs_that_are_compared_are_described_by_their_ids(run, tmp_path):
    lost = {"judge_reasoning": "It forgot the name."}
    runs = [write_run(tmp_path / "in" / "bench" / name, [row(0), failing(1, **lost)]) for name in ("one", "two")]
    run("analyze", "--run-dir", *runs, "--compare-by", "run", "--output", "out")
    for name in ("one", "two"):
        decide(run, f"{name}:1", STATE)
        describe(run, name, STATE, f"{name}:1")
    run("report", "out", "--final")
    findings = json.loads((tmp_path / "out" / "analysis.json").read_text())["review"]["findings"]
    assert [finding["model_name"] for finding in findings] == ["one", "two"]


def test_the_report_keeps_its_name_and_options_when_it_is_built_again(run, tmp_path):
    run("analyze", "--comparison-dir", CLINIC, "--exclude-dimension", "turn_taking", "--output", "out/mine.md")
    before = contents(tmp_path / "out")
    said = json.loads(run("report", "out", "--json"))
    assert said["paths"]["report"].endswith("mine.md")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("command", [("report",), ("summary",), ("report", "--final"), ("report", "--verify")])
def test_a_folder_that_is_no_analysis_is_refused(run, tmp_path, command):
    assert "not an analysis folder" in run(command[0], tmp_path, *command[1:], code=2)


@pytest.mark.usefixtures("small")
def test_a_summary_needs_no_inputs(run, tmp_path):
    shutil.rmtree(tmp_path / "in")
    assert "model-a: 3/5, 60.0% failed" in run("summary", "out")
    assert "no such" in run("report", "out", code=2)
