"""Transcripts that nobody judged: every turn with what is suspicious, and nowhere a failure rate or a final report."""

import csv
import json

import pytest
from builders import failing, write_comparison, write_lines, write_run, write_transcript

NAMES = ["analysis.json", "inputs.d", "local.json", "manual_error_review.csv", "manual_error_review.md"]
REVIEWER = ("--reviewer", "r", "--reviewer-kind", "human")
LONG = "The locker on the second floor costs three euros"


def said(turn, text="A plain answer", asked=None, **more):
    return {"turn": turn, "model_name": "m", "user_text": asked or f"question {turn}", "assistant_text": text} | more


def call(name, **args):
    return {"name": name, "args": args}


def expect(turn, text="", *calls):
    return {"turn": turn, "input": f"question {turn}", "golden_text": text, "required_function_call": list(calls)}


@pytest.fixture
def review(tmp_path, cli):
    """Review transcripts; return the suspicions by turn."""

    def run(*rows, reference=None):
        folder = tmp_path / "runs" / "bench" / "run"
        write_transcript(folder, rows)
        options = []
        if reference:
            options = ["--reference", write_lines(tmp_path / "reference.jsonl", reference)]
        done = cli("analyze", "--transcripts", "--run-dir", folder, *options, "--output", "out")
        assert done.returncode == 0, done.stderr
        with (tmp_path / "out" / "manual_error_review.csv").open(encoding="utf-8", newline="") as stream:
            return {int(row["turn"]): row["suspicions"] for row in csv.DictReader(stream)}

    return run


def test_every_turn_is_in_the_packet_with_what_its_shape_says(review):
    found = review(
        said(0),
        said(1, ""),
        said(2, "[EMPTY_RESPONSE: x]"),
        said(3, "[NO_RESPONSE] x"),
        said(4, "[MODEL_ENDED_SESSION] Bye"),
        {"turn": 5, "user_text": "q"},
        said(6, "", tool_calls=[call("look")]),
        said(7, "skipped", recovery_turn=True),
    )
    empty = "empty response"
    assert found == {0: "", 1: empty, 2: empty, 3: empty, 4: "ended the session", 5: "response not stored", 6: ""}


def test_the_reference_says_what_is_missing_different_or_far(review):
    reference = [
        expect(0, LONG),
        expect(1, "", call("book", size="M")),
        expect(2, "", call("book", size="M")),
        expect(3, "The opening hours today are eight until twenty"),
        expect(4, "Nothing further"),
        expect(5, "", call("end_session")),
        expect(6),
    ]
    found = review(
        said(0, f"{LONG} a day."),
        said(1, "Done"),
        said(2, "Done", tool_calls=[call("book", size="L")]),
        said(3, LONG),
        said(4, asked="question 0"),
        said(5, "[MODEL_ENDED_SESSION] Bye", tool_calls=[call("end_session")]),
        reference=reference,
    )
    assert found[0] == ""
    assert "expected call book is missing" in found[1]
    assert "book differs in size (value)" in found[2]
    assert found[3] == "the answer is that of turn 0"
    assert found[4] == "the user text is that of turn 0"
    assert found[5] == ""
    assert found[6] == "missing from the transcript"


def test_an_answer_given_twice_is_suspicious(review):
    assert review(said(0, LONG), said(1, LONG)) == {0: "", 1: "the same answer as on turn 0"}


def test_a_turn_that_the_harness_lost_is_named(review, tmp_path):
    folder = tmp_path / "runs" / "bench" / "run"
    write_lines(folder / "runtime.json", [{"failed_turns": [1]}])
    assert review(said(0), said(2)) == {0: "", 1: "lost by the harness", 2: ""}


def test_nothing_is_called_failed_and_nothing_final(review, tmp_path, cli):
    review(said(0), said(1, "=1+1"), said(2, ""))
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [*NAMES, "review_metadata.json"]
    report = (out / "manual_error_review.md").read_text(encoding="utf-8")
    assert "NOT JUDGED (0 of 3 turns judged)" in report
    assert "FINAL" not in report
    assert "%" not in report
    numbers = json.loads((out / "analysis.json").read_bytes())
    assert numbers["status"] == "not_judged"
    assert numbers["benchmarks"]["bench"]["models"]["m"]["suspicious_turns"] == 1
    assert json.loads((out / "review_metadata.json").read_bytes())["suspicions"] == {"empty response": 1}
    assert "'=1+1" in (out / "manual_error_review.csv").read_text(encoding="utf-8")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert cli("report", out).returncode == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    final = cli("report", out, "--final")
    assert (final.returncode, "nothing was judged" in final.stderr) == (4, True)
    for command in (("next", out), ("status", out), ("serve", out)):
        refused = cli("review", *command, *REVIEWER)
        assert refused.returncode == 2, refused.stdout
        assert "nothing was judged" in refused.stderr


def test_hidden_characters_are_escaped_in_json_and_visible_elsewhere(tmp_path, cli):
    calls = [call("book", room="a\u202eb")]
    write_transcript(tmp_path / "run", [said(0, model_name="m\u202ee", tool_calls=calls), said(1)])
    assert cli("analyze", "--transcripts", "--run-dir", "run", "--output", "out").returncode == 0
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.*")}
    assert not [name for name, text in written.items() if "\u202e" in text]
    assert "m\u202ee" in json.dumps(json.loads(written["analysis.json"]), ensure_ascii=False)
    (first, _) = csv.DictReader(written["manual_error_review.csv"].splitlines())
    assert first["model_name"] == r"m\u202ee"
    assert json.loads(first["tool_calls_json"]) == calls


def test_a_comparison_folder_of_moved_runs_without_judgments_can_be_read(tmp_path, cli):
    for name in ("a", "b"):
        write_transcript(tmp_path / "runs" / "bench" / name, [said(0)])
    comparison = write_comparison(tmp_path / "results" / "cmp", ["/data/a", "/data/b"])
    done = cli("analyze", "--transcripts", "--comparison-dir", comparison, "--json", "--output", "out")
    assert [run["run_id"] for run in json.loads(done.stdout)["inputs"]] == ["a", "b"]


def test_bad_lines_are_all_listed_and_a_run_without_transcript_named(tmp_path, cli):
    bad = write_transcript(tmp_path / "bad", [said(0), "{", said(-1), b"\xff"])
    none = write_run(tmp_path / "none", [failing(0)])
    done = cli("analyze", "--transcripts", "--run-dir", bad.parent, "--output", "out")
    assert done.returncode == 2
    assert [f"transcript.jsonl:{line}: " in done.stderr for line in (1, 2, 3, 4)] == [False, True, True, True]
    done = cli("analyze", "--transcripts", "--run-dir", none, "--output", "out")
    assert (done.returncode, "no transcript.jsonl" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
