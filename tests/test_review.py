"""The review commands, run for real: rows are read, decided, described, and the gate opens or stays shut."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from builders import failing, row, write_comparison, write_run

ANN = ("--reviewer", "ann", "--reviewer-kind", "human")
BOT = ("--reviewer", "bot", "--reviewer-kind", "agent")
OUT = "out"
STATE = "state_memory_failure"


def lost(turn, **extra):
    return failing(turn, judge_reasoning=f"It forgot the name and asked again in turn {turn}.", **extra)


@pytest.fixture
def folder(cli, tmp_path):
    """An analysis of two models: `a` fails turns 1 to 3, `b` turns 1 and 4; the others pass."""
    a = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), lost(1), lost(2), lost(3), row(4)])
    rows = [row(0), lost(1), row(2), row(3), failing(4, judge_reasoning="Too long by far.")]
    b = write_run(tmp_path / "in" / "bench" / "run_b", [each | {"model_name": "model-b"} for each in rows])
    done = cli("analyze", "--comparison-dir", write_comparison(tmp_path / "in" / "cmp", [a, b]), "--output", OUT)
    assert done.returncode == 0, done.stderr
    return tmp_path / OUT


@pytest.fixture
def review(cli, folder):  # noqa: ARG001 - the folder must be there
    """Run a review command as ann, and give what `--json` prints."""

    def run(command, *arguments, who=ANN, code=0):
        words = command.split()
        done = cli("review", *words, OUT, *arguments, *who, "--json")
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    return run


def problems(answer):
    return [f"{problem['where']} {problem['what']} ({problem['fix']})" for problem in answer["error"]["problems"]]


def events(folder):
    return [json.loads(line) for line in (folder / "reviews.jsonl").read_text().splitlines()]


def decide(review, row_id, bucket=STATE, attribution="model", *more, who=ANN):
    review("show", row_id, who=who)
    return review("record", row_id, "--bucket", bucket, "--attribution", attribution, *more, who=who)


# --- Who reviews ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("next",),
        ("show", "run_a:1"),
        ("record", "run_a:1", "--bucket", "other", "--attribution", "model"),
        ("defer", "run_a:1"),
        ("undo",),
        ("status",),
        ("agree",),
        ("repair",),
    ],
)
def test_without_a_name_every_review_command_says_how_to_set_it(cli, folder, command, monkeypatch):
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER", raising=False)
    monkeypatch.delenv("ERROR_ANALYSIS_REVIEWER_KIND", raising=False)
    done = cli("review", command[0], OUT, *command[1:])
    assert done.returncode == 2
    assert "ERROR_ANALYSIS_REVIEWER" in done.stderr
    assert "--reviewer-kind" in done.stderr
    assert not (folder / "reviews.jsonl").exists()


def test_the_environment_names_the_reviewer_and_options_go_before_it(cli, folder, monkeypatch):
    monkeypatch.setenv("ERROR_ANALYSIS_REVIEWER", "env")
    monkeypatch.setenv("ERROR_ANALYSIS_REVIEWER_KIND", "agent")
    assert cli("review", "show", OUT, "run_a:1").returncode == 0
    assert cli("review", "show", OUT, "run_a:1", *ANN).returncode == 0
    assert [(event["reviewer"], event["reviewer_kind"]) for event in events(folder)] == [
        ("env", "agent"),
        ("ann", "human"),
    ]
    wrong = cli("review", "show", OUT, "run_a:1", "--reviewer-kind", "humann")
    assert wrong.returncode == 2
    assert "did you mean 'human'?" in wrong.stderr


# --- Reading rows --------------------------------------------------------------------------------------------


def test_show_gives_the_whole_row_and_records_that_it_was_opened(review, folder):
    shown = review("show", "run_a:3")["row"]
    assert shown["judge_reasoning"] == "It forgot the name and asked again in turn 3."
    assert shown["scores"] == {"tool_use_correct": False}
    assert [earlier["turn"] for earlier in shown["before"]] == [1, 2]
    assert [(other["row_id"], other["failed"]) for other in shown["others"]] == [("run_b:3", False)]
    assert shown["provisional"]["mode"] == STATE
    (event,) = events(folder)
    assert (event["event"], event["row_id"], event["evidence_digest"]) == (
        "opened",
        "run_a:3",
        shown["evidence_digest"],
    )
    review("show", "run_a:3")
    assert len(events(folder)) == 1


def test_a_row_id_may_be_shortened_as_long_as_its_run_is_unique(review):
    assert review("show", "b:1")["row"]["row_id"] == "run_b:1"
    assert "may be run_a, run_b" in problems(review("show", "run:1", code=2))[0]
    assert "no run 'z'" in problems(review("show", "z:1", code=2))[0]
    assert "no such row" in problems(review("show", "run_a:99", code=2))[0]
    assert "not a row id" in problems(review("show", "run_a", code=2))[0]


def test_next_serves_the_gate_first_and_every_fifth_row_is_a_control(review):
    first = review("next", "--limit", "10")
    ids = [each["row_id"] for each in first["rows"]]
    assert first["waiting"] == 5
    assert len(set(ids)) == len(ids) == 6  # all that failed, and a passing row of a failing turn
    assert [each["control"] for each in first["rows"]] == [False, False, False, False, True, True]
    assert first["rows"][-1]["failed"] is False
    assert {"run_a:1", "run_b:1", "run_b:4"} <= set(ids[:4])  # major buckets without a decided row
    again = review("next", "--limit", "10")
    assert [each["row_id"] for each in again["rows"]] == ids
    for row_id in ids[:4]:
        decide(review, row_id)
    assert review("next", "--limit", "1")["rows"][0]["control"]


def test_a_passing_row_of_a_failing_turn_is_the_other_control(review):
    for number in range(1, 4):
        decide(review, f"run_a:{number}")
    decide(review, "run_b:1")
    decide(review, "run_b:4", "other")
    for row_id in ("run_a:0", "run_b:0", "run_a:4", "run_b:3"):
        decide(review, row_id, "no_model_error", "grader")
    (control,) = review("next", "--limit", "1")["rows"]
    assert control["row_id"] == "run_b:2"
    assert (control["control"], control["failed"]) == (True, False)
    status = review("status")
    assert (status["decided"], status["controls"]) == (5, 4)


def test_next_takes_filters(review):
    def ids(*filters):
        return {each["row_id"] for each in review("next", "--limit", "25", *filters)["rows"]}

    assert ids("--model", "model-b") == {"run_b:1", "run_b:4"}
    assert ids("--turn", "1") == {"run_a:1", "run_b:1"}
    assert ids("--bucket", STATE, "--model", "model-a") == {"run_a:1", "run_a:2", "run_a:3"}
    assert ids("--dimension", "tool_use_correct") == {"run_a:1", "run_a:2", "run_a:3", "run_b:1", "run_b:4"}
    assert ids("--state", "decided") == set()
    decide(review, "run_a:2")
    assert ids("--state", "decided") == {"run_a:2"}
    assert ids("--model", "model-a") == {"run_a:1", "run_a:3"}
    wrong = problems(review("next", "--limit", "26", "--model", "model-c", "--state", "open", code=2))
    assert len(wrong) == 3
    assert "did you mean 'model-" in wrong[1]


def test_what_is_deferred_comes_last_until_it_is_decided(review):
    first = review("next", "--limit", "1", "--model", "model-a")["rows"][0]["row_id"]
    review("defer", first)
    later = [each["row_id"] for each in review("next", "--limit", "3", "--model", "model-a")["rows"]]
    assert later[-1] == first


def test_a_blind_reviewer_sees_no_verdict_before_deciding(review):
    shown = review("show", "run_a:1", "--blind")["row"]
    assert shown["user_text"] == "question 1"
    text = json.dumps(shown)
    assert "forgot" not in text
    assert STATE not in text
    assert shown["scores"] is None
    review("record", "run_a:1", "--bucket", "other", "--attribution", "model")
    assert review("show", "run_a:1", "--blind")["row"]["provisional"]["mode"] == STATE


# --- Deciding ------------------------------------------------------------------------------------------------


def test_a_decision_needs_an_opened_row_and_sound_fields(review, folder):
    unread = review("record", "run_a:1", "--bucket", STATE, "--attribution", "model", code=2)
    assert "has not opened run_a:1" in problems(unread)[0]
    review("show", "run_a:1")
    wrong = review(
        "record",
        "run_a:1",
        "--bucket",
        "state_memory",
        "--attribution",
        "modell",
        "--secondary",
        "kb",
        "--quote",
        "no",
        code=2,
    )
    said = problems(wrong)
    assert f"did you mean '{STATE}'?" in said[0]
    assert "did you mean 'model'?" in said[1]
    assert "'kb' did not fail" in said[2]
    assert "the quote is in none of the texts" in said[3]
    assert [event["event"] for event in events(folder)] == ["opened"]
    quoted = ("--quote", "asked   again\nin turn 1", "--note", "why")
    answer = review("record", "run_a:1", "--bucket", STATE, "--attribution", "model", *quoted)
    assert answer["state"] == "decided"
    event = events(folder)[-1]
    assert (event["reviewer"], event["reviewer_kind"], event["quote"]) == ("ann", "human", "asked   again\nin turn 1")


def test_reviewers_that_differ_dispute_a_row_until_one_adjudicates(review):
    decide(review, "run_a:1")
    assert decide(review, "run_a:1", "other", who=BOT)["state"] == "disputed"
    agreed = review("agree")
    assert agreed["pairs"][0]["rows"] == 1
    assert [each["row_id"] for each in agreed["disputed"]] == ["run_a:1"]
    assert review("status")["disputed_rows"] == ["run_a:1"]
    settled = review("record", "run_a:1", "--bucket", "other", "--attribution", "mixed", "--adjudicate")
    assert settled["state"] == "decided"
    assert review("status")["disputed"] == 0


def test_undo_takes_back_the_callers_latest_decision_and_no_other(review):
    decide(review, "run_a:1")
    decide(review, "run_a:1", "other")
    decide(review, "run_a:2", who=BOT)
    assert review("undo")["retracted"]["bucket"] == "other"
    assert review("status")["models"][0]["decided"] == 2
    assert [each["bucket"] for each in review("show", "run_a:1")["row"]["decisions"]] == [STATE]
    review("undo")
    assert "nothing to take back" in problems(review("undo", code=2))[0]
    assert review("status")["decided"] == 1


def test_an_import_is_all_or_nothing_and_names_every_problem(review, folder, tmp_path):
    good = [{"row_id": f"run_a:{turn}", "bucket": STATE, "attribution": "model"} for turn in (1, 2)]
    file = tmp_path / "decisions.jsonl"
    bad = [*good, {"row_id": "run_a:1", "bucket": "x", "attribution": "model"}, "{", {"row_id": "q:1"}]
    file.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in bad))
    said = problems(review("import", file, code=2))
    places = [f"decisions.jsonl:{line} " for line in (1, 2, 3, 3, 3, 4, 5)]
    assert sorted(place in " ".join(said) for place in places) == [True] * 7
    assert not (folder / "reviews.jsonl").exists() or events(folder) == []
    file.write_text("\n".join(map(json.dumps, good)))
    for turn in (1, 2):
        review("show", f"run_a:{turn}")
    review("import", file)
    batch = events(folder)[-1]
    assert batch["event"] == "batch"
    assert len(batch["events"]) == 2
    assert review("status")["decided"] == 2


def test_a_bucket_is_declared_before_it_is_used(review):
    review("show", "run_a:1")
    use = ("run_a:1", "--bucket", "lost_total", "--attribution", "model")
    review("record", *use, code=2)
    near = problems(review("bucket add", "other", "--description", "x", "--parent", "state_memory", code=2))
    assert "there is such a bucket" in near[0]
    assert f"did you mean '{STATE}'?" in near[1]
    review("bucket add", "lost_total", "--description", "A running total is lost.", "--parent", STATE)
    review("record", *use)
    bucket = review("status")["models"][0]["buckets"][0]
    assert (bucket["bucket"], bucket["reviewed"]) == (STATE, 1)
    assert review("status")["new_buckets"] == 1


def test_a_finding_cites_rows_decided_into_its_bucket(review, folder):
    decide(review, "run_a:1")
    decide(review, "run_a:2", "other")
    text = ("--what-goes-wrong", "It forgets.", "--triggers", "Names.")
    wrong = problems(
        review(
            "describe",
            "--model",
            "model-a",
            "--bucket",
            STATE,
            *text,
            "--row",
            "run_a:1",
            "run_a:2",
            "run_a:3",
            "run_b:1",
            code=2,
        )
    )
    assert "was decided into other" in wrong[0]
    assert "is unopened" in wrong[1]
    assert "is a row of model-b" in wrong[2]
    review("describe", "--model", "model-a", "--bucket", STATE, *text, "--row", "run_a:1")
    assert events(folder)[-1]["row_ids"] == ["run_a:1"]


def test_ledgers_merge_whatever_their_order_and_as_often_as_one_likes(review, folder, tmp_path):
    decide(review, "run_a:1")
    mine = (folder / "reviews.jsonl").read_bytes()
    (folder / "reviews.jsonl").unlink()
    decide(review, "run_a:2", who=BOT)
    (tmp_path / "other.jsonl").write_bytes(mine)
    assert review("merge", tmp_path / "other.jsonl")["added"] == 2
    assert review("merge", tmp_path / "other.jsonl", folder)["added"] == 0
    assert review("status")["decided"] == 2
    (tmp_path / "broken.jsonl").write_text('{"event": "opened"}\n{"event": "seen"}\n')
    said = problems(review("merge", tmp_path / "broken.jsonl", tmp_path / "none.jsonl", code=2))
    assert "broken.jsonl:1" in said[0]
    assert "newer version" in said[1]
    assert "no such ledger" in said[2]


def test_a_damaged_line_is_named_and_repair_sets_it_aside(review, folder):
    decide(review, "run_a:1")
    with (folder / "reviews.jsonl").open("ab") as ledger:
        ledger.write(b'{"event": "decision"}\nnot json\n')
    said = problems(review("status", code=2))
    assert ["reviews.jsonl:3" in said[0], "reviews.jsonl:4" in said[1]] == [True, True]
    review("record", "run_a:1", "--bucket", "other", "--attribution", "model", code=2)
    assert [each["line"] for each in review("repair")["set_aside"]] == [3, 4]
    assert (folder / "reviews.damaged").read_bytes() == b'{"event": "decision"}\nnot json\n'
    assert review("status")["decided"] == 1
    assert review("repair")["set_aside"] == []


def test_a_folder_that_is_no_analysis_is_refused(cli, tmp_path):
    for command in (("status",), ("next",), ("show", "a:1"), ("undo",)):
        done = cli("review", command[0], tmp_path, *command[1:], *ANN)
        assert done.returncode == 2
        assert "not an analysis folder" in done.stderr


# --- What a fresh reader found ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bucket", ["response_contamination", "missing_transcript_turn", "judge_error"])
def test_every_bucket_of_the_codebook_may_be_used(review, bucket):
    assert decide(review, "run_a:1", bucket, "pipeline")["state"] == "decided"


def test_text_that_is_not_utf8_is_refused(cli, review, folder):
    review("show", "run_a:1")
    bad = os.fsdecode(b"x\xff")
    decision = ("record", OUT, "run_a:1", "--bucket", "other", "--attribution", "model")
    for arguments in ((*decision, "--note", bad, *ANN), ("status", OUT, "--reviewer", bad, "--reviewer-kind", "human")):
        done = cli("review", *arguments)
        assert done.returncode == 2
        assert "UTF-8" in done.stderr
    assert [event["event"] for event in events(folder)] == ["opened"]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999999-12:00", "9999-12-31T23:59:59.999999Z"])
def test_an_event_at_the_end_of_time_is_read_and_no_event_follows_it_until_it_is_set_aside(review, folder, at):
    decide(review, "run_a:1")
    last = events(folder)[-1] | {"id": "late", "at": at}
    with (folder / "reviews.jsonl").open("a") as ledger:
        ledger.write(json.dumps(last) + "\n")
    before = (folder / "reviews.jsonl").read_bytes()
    assert review("status")["decided"] == 1
    said = problems(review("show", "run_a:2", code=2))[0]
    assert "no event can be later" in said
    assert "review repair" in said
    assert (folder / "reviews.jsonl").read_bytes() == before
    assert [each["line"] for each in review("repair")["set_aside"]] == [3]
    review("show", "run_a:2")


def test_events_follow_one_of_the_year_9000(review, folder):
    decide(review, "run_a:1")
    last = events(folder)[-1] | {"id": "late", "at": "9000-12-31T23:59:59.999999Z"}
    with (folder / "reviews.jsonl").open("a") as ledger:
        ledger.write(json.dumps(last) + "\n")
    review("record", "run_a:1", "--bucket", "other", "--attribution", "model")
    assert events(folder)[-1]["at"] == "9001-01-01T00:00:00.000000Z"
    assert review("status")["decided"] == 1


def test_a_turn_of_thousands_of_digits_is_no_row(review):
    assert "not a row id" in problems(review("show", "run_a:" + "9" * 5000, code=2))[0]


def test_two_events_of_one_id_give_the_same_in_whichever_order_the_ledger_holds_them(review, folder):
    decide(review, "run_a:1")
    mine = (folder / "reviews.jsonl").read_text()
    theirs = mine.replace(f'"bucket":"{STATE}"', '"bucket":"empty_response"')
    found = []
    for both in (mine + theirs, theirs + mine):
        (folder / "reviews.jsonl").write_text(both)
        found.append([each["bucket"] for each in review("show", "run_a:1")["row"]["decisions"]])
    assert found[0] == found[1]


def test_what_settles_a_row_is_always_shown(review):
    decide(review, "run_a:1", "other", who=BOT)
    decide(review, "run_a:1", "knowledge_grounding_error", "model", "--adjudicate")
    review("record", "run_a:1", "--bucket", "empty_response", "--attribution", "model")
    shown = review("show", "run_a:1")["row"]["decisions"]
    assert [(each["bucket"], each["adjudication"]) for each in shown] == [
        ("other", False),
        ("empty_response", False),
        ("knowledge_grounding_error", True),
    ]


def test_a_note_stays_on_its_line(cli, review):
    decide(review, "run_a:1", STATE, "model", "--note", "ok\nscores: tool_use_correct pass")
    shown = cli("review", "show", OUT, "run_a:1", *ANN).stdout
    assert "model: ok scores: tool_use_correct pass" in shown


def test_events_of_a_newer_version_say_so_wherever_they_are(review, folder):
    decide(review, "run_a:1")
    opened, decision = events(folder)
    batch = decision | {"event": "batch", "id": "b", "events": [opened | {"event": "seen", "id": "c"}]}
    newer = decision | {"id": "d", "version": 2}
    with (folder / "reviews.jsonl").open("a") as ledger:
        ledger.writelines(json.dumps(each) + "\n" for each in (batch, newer))
    said = problems(review("status", code=2))
    assert ["newer version" in each for each in said] == [True, True]


def test_a_ledger_with_a_byte_order_mark_or_behind_a_link_is_read_and_mended(review, folder, tmp_path):
    decide(review, "run_a:1")
    path = folder / "reviews.jsonl"
    (tmp_path / "shared.jsonl").write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"broken\n")
    path.unlink()
    path.symlink_to(tmp_path / "shared.jsonl")
    assert [each["line"] for each in review("repair")["set_aside"]] == [3]
    assert path.is_symlink()
    assert review("status")["decided"] == 1


def test_a_deferred_control_does_not_come_first_again(review):
    for row_id in [each["row_id"] for each in review("next", "--limit", "4")["rows"]]:
        decide(review, row_id)
    (control,) = review("next", "--limit", "1")["rows"]
    assert control["control"]
    review("defer", control["row_id"])
    after = review("next", "--limit", "2")["rows"]
    assert not after or after[0]["row_id"] != control["row_id"] or not after[0]["control"]


REVIEW = (
    "import sys; from pipeline.cli.main import run; code = run(sys.argv[1:]);"
    "print('imported', *sys.modules, file=sys.stderr); sys.exit(code)"
)


@pytest.mark.parametrize(
    "command",
    [
        ("record", OUT, "run_a:1", "--bucket", "other", "--attribution", "model"),
        ("next", OUT, "--limit", "5"),
        ("show", OUT, "run_b:0"),
        ("status", OUT),
    ],
)
def test_a_review_command_imports_no_pandas(review, tmp_path, command):
    for row_id in ("run_a:1", "run_b:2"):  # a failed row, and one that passed
        decide(review, row_id, "no_model_error", "grader")
    words = [sys.executable, "-c", REVIEW, "review", *command, *ANN]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "msgspec" in done.stderr
    assert "pandas" not in done.stderr.partition("imported")[2].split()


def test_the_review_page_imports_no_pandas(tmp_path):
    load = "import sys, pipeline.review.serve.launch, pipeline.review.serve.session; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", load], cwd=tmp_path, check=True)
