"""Run folders as the harness writes them: its summaries, modes, endings, losses, and turn-taking."""

import json

import pytest
from builders import failing, row, write_comparison, write_lines, write_run, write_summary, write_transcript

from pipeline import analyze
from pipeline.stages.endings import ends_session

ENDED = "[MODEL_ENDED_SESSION]"


def harness_run(folder, rows, runtime=None, summary=None, transcript=None):
    run = write_run(folder, rows)
    if runtime is not None:
        (run / "runtime.json").write_text(json.dumps(runtime))
    if summary is not None:
        write_summary(run, summary)
    if transcript is not None:
        write_transcript(run, transcript)
    return run


def ending(turn, scores=None, text=ENDED, call="end_session", **extra):
    calls = [{"name": call, "args": {}}] if call else []
    return row(turn, scores, assistant_text=text, tool_calls=calls, **extra)


def whats(analysis, *severities):
    return [note.what for note in analysis.notes if note.severity in (severities or ("error", "warning"))]


def kinds(analysis):
    return dict(zip(analysis.turns["turn"], analysis.turns["response_kind"], strict=True))


def counted(analysis, name):
    return analysis.model_counts[name].tolist()


# --- Summaries ------------------------------------------------------------------------------------------------


def scored(turn, **scores):
    others = {"kb_grounding": True, "ambiguity_handling": None}
    return row(turn, others | scores, tool_calls=[{"name": "look_up"}])


@pytest.mark.parametrize(
    ("passes", "totals"),
    [
        ({"tool_use_correct": 1, "ambiguity_handling": 1}, {"tool_use_correct": 2, "ambiguity_handling": 1}),
        ({"tool_use_correct": 2, "ambiguity_handling": 1}, {"tool_use_correct": 3, "ambiguity_handling": 1}),
        ({"tool_use_correct": 2, "ambiguity_handling": 3}, {"tool_use_correct": 3, "ambiguity_handling": 3}),
    ],
)
def test_a_summary_of_either_convention_is_no_finding(tmp_path, passes, totals):
    rows = [
        scored(0, tool_use_correct=True, ambiguity_handling=True),
        scored(1, tool_use_correct=False),
        scored(2, tool_use_correct=None),
    ]
    run = harness_run(tmp_path / "run", rows, summary={"passes": passes, "category_totals": totals, "turns_scored": 3})
    assert whats(analyze(run_dir=run)) == []


def test_a_summary_of_neither_convention_is_a_warning_that_names_both_figures(tmp_path):
    rows = [
        scored(0, tool_use_correct=True),
        scored(1, tool_use_correct=False),
        scored(2, tool_use_correct=None),
        scored(3, tool_use_correct=None),
    ]
    run = harness_run(tmp_path / "run", rows, summary={"passes": {"tool_use_correct": 4}})
    (what,) = whats(analyze(run_dir=run))
    assert "is 4" in what
    assert "give 1, or 3 where null counts as a pass" in what


def test_the_harness_counts_no_call_as_a_pass_where_none_was_expected_whatever_the_judge_says(tmp_path):
    rows = [scored(0, tool_use_correct=True), failing(1, tool_calls=[]), scored(2, tool_use_correct=None)]
    run = harness_run(tmp_path / "run", rows, summary={"passes": {"tool_use_correct": 3}})
    assert whats(analyze(run_dir=run)) == []


# --- The mode of a run ----------------------------------------------------------------------------------------


def two_turns(**second):
    return [
        row(0, user_text="I want locker ZEBRA.", tool_calls=[{"name": "end_session"}], assistant_text=ENDED),
        failing(1, judge_reasoning="ZEBRA was forgotten, and the session was over.", tool_calls=[], **second),
    ]


def test_no_label_comes_from_the_earlier_turns_of_a_run(tmp_path):
    run, alone = harness_run(tmp_path / "run", two_turns()), harness_run(tmp_path / "alone", two_turns()[1:])
    names = ["error_mode", "error_mode_rule", "error_mode_evidence", "error_mode_runner_up", "error_mode_confidence"]
    found = analyze(run_dir=run).failures[names].astype("str").values.tolist()
    assert found == analyze(run_dir=alone).failures[names].astype("str").values.tolist()


@pytest.mark.parametrize("where", ["run_results.csv", "metadata.json"])
def test_the_mode_is_also_read_from_the_comparison_folder(tmp_path, where):
    run = write_run(tmp_path / "runs" / "run", [row(0)])
    listed = {"run_dir": str(run)} | ({"runtime_mode": "rehydrated"} if where == "run_results.csv" else {})
    folder = write_comparison(tmp_path / "cmp", [listed])
    (folder / "metadata.json").write_text(json.dumps({"rehydrate": where == "metadata.json"}))
    assert [each.mode for each in analyze(folder).inputs] == ["rehydrated"]


def test_runs_of_both_modes_in_one_benchmark_are_a_warning(tmp_path):
    runs = [
        harness_run(tmp_path / "bench" / "alone", [row(0)], runtime={"mode": "rehydrated"}),
        harness_run(tmp_path / "bench" / "chat", [row(0)], runtime={}),
    ]
    (what,) = whats(analyze(run_dir=runs))
    assert "differ in mode" in what
    assert "alone" in what
    assert "chat" in what
    assert whats(analyze(run_dir=runs, turns="independent")) == []


def test_a_review_shows_no_own_history_of_an_independent_turn(tmp_path, cli):
    run = harness_run(tmp_path / "run", two_turns(), runtime={"mode": "rehydrated"})
    assert cli("analyze", "--run-dir", run, "--output", "out").returncode == 0
    shown = cli("review", "show", "out", "run:1", "--reviewer", "ana", "--reviewer-kind", "human").stdout
    assert "did not see its own earlier turns" in shown
    assert "I want locker ZEBRA" not in shown
    assert "runner-up" in cli("rules", "explain", "out", "run:1").stdout


def test_a_review_shows_the_history_of_the_reference(tmp_path, cli):
    run = harness_run(tmp_path / "run", two_turns(), runtime={"mode": "rehydrated"})
    reference = write_lines(
        tmp_path / "reference.jsonl",
        [
            {"turn": 0, "input": "I want locker ZEBRA.", "golden_text": "Locker ZEBRA is yours."},
            {"turn": 1, "input": "question 1", "golden_text": "You have ZEBRA."},
        ],
    )
    cli("analyze", "--run-dir", run, "--reference", reference, "--output", "out")
    shown = cli("review", "show", "out", "run:1", "--reviewer", "ana", "--reviewer-kind", "human").stdout
    assert "turn 0, before, by the reference" in shown
    assert "Locker ZEBRA is yours." in shown
    assert ENDED not in shown


# --- Expected endings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["end_session", "endCall", "hang_up_call", "hangup-call", "tools.close_conversation"])
def test_calls_that_say_so_end_the_session(name):
    assert ends_session(name)


@pytest.mark.parametrize("name", ["send_call", "extend_session", "end_user_lookup", "call_back", "session", "end"])
def test_other_calls_do_not(name):
    assert not ends_session(name)
    assert ends_session(name, [name])


def test_ending_the_session_on_the_last_turn_of_the_benchmark_is_expected(tmp_path):
    analysis = analyze(run_dir=harness_run(tmp_path / "run", [row(0), ending(1)]))
    assert kinds(analysis) == {0: "text", 1: "expected_ending"}
    assert counted(analysis, "expected_endings") == [1]
    assert counted(analysis, "model_ended_session") == [0]


@pytest.mark.parametrize(
    "last",
    [
        ending(1, {"tool_use_correct": None}),
        ending(1, call="look_up"),
        ending(1, call=None),
        ending(1, text="[MODEL_ENDED_SESSION_EARLY] filled in"),
    ],
    ids=["not scored", "other call", "no call", "other sentinel"],
)
def test_an_ending_that_nobody_expects_is_none(tmp_path, last):
    analysis = analyze(run_dir=harness_run(tmp_path / "run", [row(0), last]))
    assert kinds(analysis)[1] in {"model_ended_session", "model_ended_session_early"}


def test_the_last_turn_is_that_of_the_benchmark_not_of_the_run(tmp_path):
    runs = [
        harness_run(tmp_path / "bench" / "short", [row(0), ending(1)]),
        harness_run(tmp_path / "bench" / "whole", [row(0), row(1), ending(2)]),
    ]
    analysis = analyze(run_dir=runs)
    assert analysis.turns.set_index("row_id")["response_kind"].loc[["short:1", "whole:2"]].tolist() == [
        "model_ended_session",
        "expected_ending",
    ]


def test_a_last_turn_that_the_harness_lost_is_the_last_turn_all_the_same(tmp_path):
    run = harness_run(tmp_path / "run", [row(0), ending(1)], runtime={"failed_turns": [2]})
    assert kinds(analyze(run_dir=run))[1] == "model_ended_session"


def test_the_user_may_name_the_ending_call(tmp_path):
    run = harness_run(tmp_path / "run", [row(0), ending(1, call="say_bye")])
    assert kinds(analyze(run_dir=run))[1] == "model_ended_session"
    assert kinds(analyze(run_dir=run, ending_call="say_bye"))[1] == "expected_ending"


def test_a_reference_says_where_the_session_should_end(tmp_path, cli):
    run = harness_run(tmp_path / "run", [row(0)] + [ending(turn, {"tool_use_correct": None}) for turn in (1, 2)])
    calls = {1: {"name": "end_session", "args": {}}}
    lines = [{"turn": turn, "input": "?", "required_function_call": calls.get(turn)} for turn in range(3)]
    reference = write_lines(tmp_path / "reference.jsonl", lines)
    done = cli("analyze", "--run-dir", run, "--reference", reference, "--output", "out", "--json")
    (model,) = json.loads(done.stdout)["benchmarks"][tmp_path.name]["models"].values()
    assert (model["expected_endings"], model["model_ended_session"]) == (1, 1)


def test_a_missing_farewell_is_no_premature_ending(tmp_path):
    scores = {"tool_use_correct": True, "instruction_following": False}
    reason = "The session was ended without a farewell, although the user was not done."
    analysis = analyze(run_dir=harness_run(tmp_path / "run", [row(0), ending(1, scores, judge_reasoning=reason)]))
    (failure,) = analysis.failures.itertuples()
    assert failure.error_mode != "premature_end_session"
    assert "closing_turn_contract_mismatch" in failure.error_mode_evidence


def test_the_counts_of_the_harness_are_left_out_where_there_are_none(tmp_path, cli):
    harness_run(tmp_path / "run", [row(0), failing(1)])
    model = json.loads(cli("analyze", "--run-dir", "run", "--output", "out", "--json").stdout)
    assert "expected_endings" not in json.dumps(model)
    assert not (tmp_path / "out" / "tables" / "pipeline_losses.parquet").exists()


# --- What the harness lost ------------------------------------------------------------------------------------


def test_lost_and_excluded_turns_are_named_and_counted(tmp_path):
    run = harness_run(
        tmp_path / "run",
        [row(0), row(4)],
        runtime={"failed_turns": [1, {"turn": 2, "error": "timeout"}]},
        summary={"runtime_excluded_turns": [2, 3]},
        transcript=[row(0), row(2), row(3), row(4)],
    )
    analysis = analyze(run_dir=run)
    assert counted(analysis, "pipeline_losses") == [3]
    lost, excluded = whats(analysis)
    assert "turns 1, 2 lost" in lost
    assert "turn 3 excluded" in excluded
    assert analysis.pipeline_losses[["kind", "turn"]].values.tolist() == [
        ["failed_turn", 1],
        ["failed_turn", 2],
        ["runtime_excluded", 2],
        ["runtime_excluded", 3],
    ]


def test_a_scored_row_of_a_lost_turn_keeps_its_texts_and_counts_as_not_judged(tmp_path):
    run = harness_run(tmp_path / "run", [row(0), failing(1), failing(2)], runtime={"failed_turns": [1]})
    analysis = analyze(run_dir=run)
    assert [counted(analysis, name) for name in ("rows_judged", "failed_rows", "incomplete_rows")] == [[2], [1], [0]]
    assert analysis.texts("run:1")["assistant_text"].tolist() == ["answer 1"]
    assert analysis.scores.set_index("row_id")["passed"].isna().tolist() == [False, True, False]
    assert any("turn 1 scored all the same" in what for what in whats(analysis))


def test_a_run_that_the_harness_calls_invalid_is_a_warning_and_counts(tmp_path):
    runtime = {"valid": False, "status": "failed", "failure": {"message": "socket closed"}}
    analysis = analyze(run_dir=harness_run(tmp_path / "run", [failing(0)], runtime=runtime))
    invalid, status = whats(analysis)
    assert "not valid" in invalid
    assert "failed" in status
    assert "socket closed" in status
    assert counted(analysis, "failed_rows") == [1]


@pytest.mark.parametrize("status", ["completed", "OK", "success"])
def test_a_good_status_is_no_finding(tmp_path, status):
    runtime = {"status": status, "valid": True, "failure": None, "failed_turns": []}
    assert analyze(run_dir=harness_run(tmp_path / "run", [row(0)], runtime=runtime)).notes == ()


def test_recovery_rows_realignment_and_duplicates_are_named(tmp_path):
    recovery = row(1, user_text="Please go on.", recovery_turn=True)
    run = harness_run(
        tmp_path / "run",
        [row(0), row(1)],
        summary={"realignment_applied": True},
        transcript=[row(0), row(0, assistant_text="before"), row(0), row(1), recovery],
    )
    analysis = analyze(run_dir=run)
    (repeated,) = whats(analysis)
    assert "turn 0 written more than once" in repeated
    infos = whats(analysis, "info")
    assert any("realignment" in what for what in infos)
    assert any("recovery rows of the harness at turn 1" in what for what in infos)
    assert sorted(analysis.pipeline_losses["kind"].tolist()) == ["duplicate", "realigned", "recovery_row"]


def test_losses_stand_in_the_report_the_numbers_and_the_tables(tmp_path, cli):
    runtime = {"failed_turns": [1], "valid": False}
    harness_run(tmp_path / "run", [row(0), failing(2)], runtime=runtime)
    done = cli("analyze", "--run-dir", "run", "--output", "out", "--json")
    (model,) = json.loads(done.stdout)["benchmarks"][tmp_path.name]["models"].values()
    assert model["pipeline_losses"] == 1
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert "## Pipeline losses" in report
    assert (tmp_path / "out" / "tables" / "pipeline_losses.parquet").exists()
    assert "turns lost by the harness 1" in cli("summary", "out").stdout
    assert cli("report", "out", "--verify").returncode == 0


def test_a_runtime_file_that_cannot_be_read_is_a_warning(tmp_path):
    run = harness_run(tmp_path / "run", [row(0)])
    (run / "runtime.json").write_text("{broken")
    (what,) = whats(analyze(run_dir=run))
    assert "not used for checks" in what


# --- The shape of a response ----------------------------------------------------------------------------------


def test_a_response_that_did_not_come_is_empty_whatever_the_judge_says(tmp_path):
    reason = "book_room was expected with another date."
    texts = ["[EMPTY_RESPONSE: no valid response]", "[NO_RESPONSE] nothing came", ""]
    rows = [
        failing(turn, assistant_text=text, tool_calls=[], judge_reasoning=reason) for turn, text in enumerate(texts)
    ]
    analysis = analyze(run_dir=harness_run(tmp_path / "run", rows))
    assert list(kinds(analysis).values()) == ["empty_response", "empty_response", "no_text"]
    assert analysis.failures["error_mode"].tolist() == ["empty_response"] * 3


def test_another_prefix_in_brackets_is_text_and_an_info_note(tmp_path):
    texts = ["[TOOL_TIMEOUT] Sorry.", "[TOOL_TIMEOUT: 3 s] Sorry.", "[Laughs] Sure.", "[1] See there."]
    rows = [row(turn, assistant_text=text) for turn, text in enumerate(texts)]
    analysis = analyze(run_dir=harness_run(tmp_path / "run", rows))
    assert set(kinds(analysis).values()) == {"text"}
    (note,) = analysis.notes
    assert note.severity == "info"
    assert "[TOOL_TIMEOUT] at turns 0, 1" in note.what


def without(value, *names):
    return {name: each for name, each in value.items() if name not in names}


def test_a_response_that_was_not_stored_is_never_an_empty_one(tmp_path):
    rows = [
        without(failing(0, judge_reasoning="Wrong."), "assistant_text", "user_text"),
        failing(1, assistant_text=None, tool_calls=None, judge_reasoning="Wrong."),
        failing(2, assistant_text="", tool_calls=None),
        failing(3, assistant_text=None, tool_calls=[]),
    ]
    analysis = analyze(run_dir=harness_run(tmp_path / "run", rows, transcript=[row(turn) for turn in range(4)]))
    assert list(kinds(analysis).values()) == ["not_stored", "not_stored", "no_text", "no_text"]
    modes = analysis.failures["error_mode"].tolist()
    assert "empty_response" not in modes[:2]
    assert modes[2] == "empty_response"


# --- Turn-taking ----------------------------------------------------------------------------------------------

TALK = {"turn_taking": False, "tool_use_correct": True}


@pytest.mark.parametrize(
    ("runtime", "summary", "metadata"),
    [
        (None, {"turn_taking_supported": False}, {}),
        (None, {"skip_turn_taking": True}, {}),
        ({"turn_taking_supported": False}, None, {}),
        (None, None, {"skip_turn_taking": True}),
    ],
)
def test_turn_taking_that_was_not_measured_counts_nowhere(tmp_path, runtime, summary, metadata):
    run = harness_run(tmp_path / "runs" / "run", [row(0, TALK), failing(1)], runtime, summary)
    folder = write_comparison(tmp_path / "cmp", [run])
    (folder / "metadata.json").write_text(json.dumps(metadata))
    analysis = analyze(folder)
    assert counted(analysis, "failed_rows") == [1]
    talk = analysis.dimension_counts.set_index("dimension").loc["turn_taking"]
    assert talk["scored"] == 0
    assert any("did not measure turn-taking" in what for what in whats(analysis, "info"))


def test_the_run_knows_better_than_its_comparison_whether_turn_taking_was_measured(tmp_path):
    run = harness_run(tmp_path / "runs" / "run", [row(0, TALK)], summary={"turn_taking_supported": True})
    folder = write_comparison(tmp_path / "cmp", [run])
    (folder / "metadata.json").write_text(json.dumps({"skip_turn_taking": True}))
    assert counted(analyze(folder), "failed_rows") == [1]


def test_a_decision_fits_a_row_whose_turn_taking_was_not_measured(tmp_path, cli):
    rows = [row(0, TALK), failing(1), row(2, TALK | {"goal": False})]
    harness_run(tmp_path / "run", rows, summary={"turn_taking_supported": False})
    who = ("--reviewer", "ana", "--reviewer-kind", "human")
    cli("analyze", "--run-dir", "run", "--output", "out", "--exclude-dimension", "goal")
    for row_id in ("run:0", "run:2"):
        cli("review", "show", "out", row_id, *who)
        decided = cli("review", "record", "out", row_id, *who, "--bucket", "no_model_error", "--attribution", "grader")
        assert decided.returncode == 0, decided.stderr
    cli("report", "out")
    assert "orphaned" not in cli("review", "status", "out", "--json").stdout.replace('"orphaned": []', "")


def test_issues_are_the_reasoning_of_turn_taking(tmp_path, cli):
    issues = ["no_response (1 retries)", "reconnection (2 retries)"]
    talked = row(0, TALK, judge_reasoning="All else passed.", turn_taking_issues=issues)
    fine = row(1, {"turn_taking": True}, turn_taking_issues=["late by a hair"])
    harness_run(tmp_path / "run", [talked, fine])
    cli("analyze", "--run-dir", "run", "--output", "out")
    (line,) = (tmp_path / "out" / "failure_review_rows.jsonl").read_text().splitlines()
    packet = json.loads(line)
    assert "no_response (1 retries), reconnection (2 retries)" in packet["judge_reasoning"]
    assert "no_response (1 retries)" in packet["error_mode_evidence"]
    assert packet["error_mode_candidate"] == "other"
    assert "reconnection" in (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert "late by a hair" not in analyze(run_dir=tmp_path / "run").texts("run:1")["judge_reasoning"].iloc[0]


def test_a_blank_text_that_was_not_stored_decides_nothing(tmp_path, cli):
    said = "It hung up while the caller was still speaking."
    rows = [failing(turn, judge_reasoning=said, tool_calls=[]) for turn in range(2)]
    del rows[0]["assistant_text"]
    rows[1]["assistant_text"] = ""
    analysis = analyze(run_dir=harness_run(tmp_path / "run", rows))
    assert analysis.failures["error_mode"].tolist() == ["premature_end_session", "empty_response"]
    cli("analyze", "--run-dir", "run", "--output", "out")
    for row_id, mode in analysis.failures[["row_id", "error_mode"]].itertuples(index=False):
        assert json.loads(cli("rules", "explain", "out", row_id, "--json").stdout)["error_mode"] == mode
