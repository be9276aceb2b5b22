"""A rules file is read or refused as a whole; every failed row gets one mode and the reason."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from builders import failing, row, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import analyze
from pipeline.errors import RulesError
from pipeline.rules.ruleset import builtin_rules, parse_rules
from pipeline.rules.scorer import Scorer

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
MODES = (
    "premature_end_session",
    "empty_response",
    "partial_multi_tool_execution",
    "state_memory_failure",
    "ambiguity_handling_failure",
    "knowledge_grounding_error",
    "tool_or_action_selection_error",
    "other",
)
VERDICT = ["error_mode", "error_mode_rule", "error_mode_evidence"]
TEXTS = ["user_text", "assistant_text", "judge_reasoning", "tool_calls", "tool_results"]


def verdicts(folder, rows, rules=None):
    """Return the labels of rows: turn -> (mode, rule, evidence)."""
    if rules is not None:
        (folder / "rules.toml").write_text(rules, encoding="utf-8")
        rules = folder / "rules.toml"
    turns = analyze(run_dir=write_run(folder / "b" / "r", rows), rules=rules).turns
    return {found["turn"]: tuple(found[name] for name in VERDICT) for found in turns.to_dict("records")}


def rule(rule_id="mine", mode="other", **keys):
    fields = {"id": rule_id, "mode": mode, "why": "because"} | keys
    return "[[rule]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())


def problems_of(text):
    with pytest.raises(RulesError) as caught:
        parse_rules(text if isinstance(text, bytes) else text.encode(), "rules.toml")
    assert caught.value.exit_code == 2
    assert all(problem.where.startswith("rules.toml") and problem.fix for problem in caught.value.problems)
    return [f"{problem.what} ({problem.fix})" for problem in caught.value.problems]


# --- A rules file --------------------------------------------------------------------------------------------


def test_a_rules_file_replaces_the_built_in_rules(tmp_path):
    rows = [
        failing(0, judge_reasoning="The call was missing; a purple answer."),
        failing(1, judge_reasoning="The call to look_up was missing."),
        failing(2, assistant_text="[MODEL_ENDED_SESSION]"),
    ]
    found = verdicts(tmp_path, rows, rule("purple", "state_memory_failure", pattern="PURPLE \\w+"))
    assert found[0] == ("state_memory_failure", "purple", "The call was missing; a purple answer.")
    assert [found[turn][0] for turn in (1, 2)] == ["other", "other"]
    assert all(found[turn][1] and found[turn][2] for turn in (1, 2))


def test_a_rules_file_that_extends_the_built_in_ones_comes_first(tmp_path):
    text = 'extends = "builtin"\n' + rule("purple", "state_memory_failure", pattern="purple")
    rows = [
        failing(0, judge_reasoning="A purple answer; the call was missing."),
        failing(1, judge_reasoning="The call to look_up was missing."),
    ]
    found = verdicts(tmp_path, rows, text)
    assert found[0][:2] == ("state_memory_failure", "purple")
    assert found[1][0] == "tool_or_action_selection_error"


def test_a_rule_of_a_built_in_id_takes_its_place(tmp_path):
    text = 'extends = "builtin"\n' + rule("nothing-came", "other", response_kind=["empty_response"])
    rules = parse_rules(text.encode(), "rules.toml").rules
    assert [found.id for found in rules].count("nothing-came") == 1
    assert len(rules) == len(builtin_rules().rules)
    found = verdicts(tmp_path, [failing(0, assistant_text="[EMPTY_RESPONSE]")], text)
    assert found[0][:2] == ("other", "nothing-came")


def test_rules_are_told_apart_by_what_they_say_not_by_comments(tmp_path):
    a = parse_rules(rule(pattern="x").encode(), "a.toml")
    b = parse_rules(("# a comment\n" + rule(pattern="x")).encode(), "b.toml")
    c = parse_rules(rule(pattern="y").encode(), "a.toml")
    assert a.sha256 == b.sha256 != c.sha256
    run = write_run(tmp_path / "b" / "r", [failing(0)])
    (tmp_path / "x.toml").write_text(rule(pattern="x"))
    assert analyze(run_dir=run, rules=tmp_path / "x.toml").rules_sha256 == a.sha256
    assert analyze(run_dir=run).rules_sha256 == builtin_rules().sha256


def test_the_first_rule_that_holds_decides(tmp_path):
    text = rule("one", "other", pattern="aa") + rule("two", "empty_response", pattern="a")
    found = verdicts(tmp_path, [failing(0, judge_reasoning="aa"), failing(1, judge_reasoning="ba")], text)
    assert [found[turn][1] for turn in (0, 1)] == ["one", "two"]


def test_every_condition_of_a_rule_must_hold(tmp_path):
    text = rule(
        "all",
        "empty_response",
        pattern="wrong",
        failed_any=["a", "z"],
        failed_only=["a", "b"],
        tool_calls="some",
        response_kind=["text"],
    )
    call = [{"name": "f", "args": {}}]
    good = {"tool_calls": call, "judge_reasoning": "wrong"}
    rows = [
        row(0, {"a": False}, **good),
        row(1, {"a": False, "b": False}, **good),
        row(2, {"b": False}, **good),
        row(3, {"a": False, "c": False}, **good),
        row(4, {"a": False}, **good | {"tool_calls": []}),
        row(5, {"a": False}, **good | {"assistant_text": ""}),
        row(6, {"a": False}, **good | {"judge_reasoning": "fine"}),
    ]
    found = verdicts(tmp_path, rows, text)
    assert [turn for turn, verdict in found.items() if verdict[1] == "all"] == [0, 1]


def test_unless_excludes_a_sentence_not_the_row(tmp_path):
    text = rule("r", "empty_response", pattern="late", unless="not")
    rows = [
        failing(0, judge_reasoning="It was not late. It was late."),
        failing(1, judge_reasoning="It was not late."),
    ]
    found = verdicts(tmp_path, rows, text)
    assert [found[turn][0] for turn in (0, 1)] == ["empty_response", "other"]


@pytest.mark.parametrize("payload", [None, [], {}, ""])
def test_a_row_that_called_nothing_has_no_tool_calls_for_a_rule(tmp_path, payload):
    found = verdicts(tmp_path, [failing(0, tool_calls=payload)], rule("none", tool_calls="none"))
    assert found[0][1] == "none"


@pytest.mark.parametrize("field", TEXTS)
def test_a_rule_may_look_into_any_text(tmp_path, field):
    value = ["needle 7"] if field.startswith("tool") else "some needle 7 here"
    found = verdicts(tmp_path, [failing(0, **{field: value})], rule(look_in=field, pattern="needle [0-9]"))
    assert found[0][:2] == ("other", "mine")
    assert found[0][2].endswith("some needle 7 here" if field == "judge_reasoning" else "; needle 7")


# --- A faulty rules file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\n", ["holds no rule"]),
        ("", ["holds no rule"]),
        ("[[rule]\n", ["not TOML"]),
        (b"\xff", ["not UTF-8", "byte 1"]),
        (rule(patern="x", pattern="y"), ["unknown key patern", "did you mean pattern"]),
        ("rulez = 1\n" + rule(pattern="y"), ["unknown key rulez", "did you mean rule?"]),
        (rule(mode="empty_respons", pattern="y"), ["empty_respons", "did you mean empty_response?"]),
        (rule(mode="zzzz", pattern="y"), ["zzzz", "known: premature_end_session"]),
        (rule(pattern="("), ["pattern", "RE2"]),
        (rule(pattern="a)(?:b"), ["pattern", "RE2"]),
        (rule(pattern="(?=a)b"), ["pattern", "look-around"]),
        (rule(pattern="a(b)c"), ["pattern", "(?:...)"]),
        (rule(pattern="a", unless="("), ["unless", "RE2"]),
        (rule(pattern="a*"), ["pattern", "empty"]),
        (rule(pattern="^"), ["pattern", "empty"]),
        (rule(pattern=r"\b"), ["pattern", "empty"]),
        (rule(pattern="x", unless=".*"), ["unless", "empty"]),
        (rule("a", pattern="x") + rule("b", pattern="x") + rule("a", pattern="y"), ["two rules", "a"]),
        (rule(response_kind=["texts"]), ["texts", "did you mean text?"]),
        (rule(response_kind="text"), ["response_kind", "list"]),
        (rule(look_in="judge", pattern="x"), ["judge", "judge_reasoning"]),
        (rule(tool_calls="many"), ["many", "some, none"]),
        (rule(), ["no condition"]),
        (rule(unless="x", tool_calls="none"), ["unless without pattern"]),
        ('[[rule]]\nmode = "other"\nwhy = "w"\npattern = "x"\n', ["no id"]),
        ('[[rule]]\nid = "a"\nwhy = "w"\npattern = "x"\n', ["no mode"]),
        (rule(pattern=3), ["pattern", "string"]),
        ('extends = "other"\n' + rule(pattern="x"), ["extends", "builtin"]),
        ("version = 2\n" + rule(pattern="x"), ["version 2"]),
        ('rule = "x"\n', ["rule"]),
        ("x = " + "[" * 3000 + "]" * 3000, ["not TOML"]),
        ("x = 1" + "0" * 5000, ["not TOML"]),
        (rule(pattern="x") + "weight = 1" + "0" * 400 + "\n", ["weight", "at most 1000"]),
        (rule(pattern="x", weight=-1e308), ["weight", "at most 1000"]),
        (rule(pattern="(?P<evidence>a)"), ["pattern", "RE2"]),
        (rule(pattern=r"x\C"), ["single bytes"]),
        (rule("a b", pattern="x"), ["id", "spaces"]),
        (rule("no-rule", pattern="x"), ["no-rule"]),
        (rule("text-model", pattern="x"), ["text-model"]),
        (rule(says=["ask again"]), ["unknown key says", "RE2 expression under pattern"]),
        (rule(unless_says=["ask"]), ["unknown key unless_says", "under unless"]),
        (rule(signals=["blank"]), ["unknown key signals", "look_in and pattern"]),
        (rule(no_signals=["blank"], pattern="x"), ["unknown key no_signals", "negative weight"]),
        (rule(failed_for="tools"), ["failed_for", "known: premature"]),
        (rule(expected_calls=["mising"]), ["mising", "did you mean missing?"]),
        (rule(pattern=["x", "("]), ["pattern", "RE2"]),
        (rule(" ", pattern="x"), ["no id"]),
        ('[rule]\nid = "a"\nmode = "other"\n', ["[[rule]]"]),
    ],
)
def test_a_faulty_rules_file_is_refused_with_what_and_a_fix(text, words):
    (problem,) = problems_of(text)
    assert all(word in problem for word in words)


def test_all_problems_of_a_rules_file_are_told_at_once():
    text = (
        'version = 2\nextends = "x"\n'
        + rule("a", "nonsense", pattern="x")
        + rule("b", pattern="(")
        + rule("c", patern="x", pattern="y")
        + rule("d")
        + rule("e", pattern="x")
        + rule("e", pattern="y")
    )
    assert len(problems_of(text)) == 7


def test_all_problems_of_one_rule_are_told_at_once():
    assert len(problems_of(rule("a", "nonsense", patern="x", pattern="("))) == 3


def test_a_faulty_rule_of_an_id_already_taken_is_told_twice():
    assert len(problems_of(rule("a", pattern="x") + rule("a", pattern="("))) == 2


def test_the_command_refuses_a_faulty_rules_file(cli, comparison, tmp_path):
    (tmp_path / "rules.toml").write_text(rule("a", "nonsense", pattern="x") + rule("b", pattern="("))
    done = cli("analyze", "--comparison-dir", comparison, "--rules", "rules.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nonsense" in done.stderr
    assert "rule 2 (b)" in done.stderr
    assert not (tmp_path / "results").exists()
    missing = cli("analyze", "--comparison-dir", comparison, "--rules", "no.toml", "--json")
    assert missing.returncode == 2
    assert json.loads(missing.stdout)["error"]["problems"][0]["where"] == "no.toml"


# --- Every failed row ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clinic_three_models", "library_repeats"])
def test_every_failed_row_has_a_mode_a_rule_and_evidence_and_no_other_row_has(name):
    turns = analyze(SAMPLES / name).turns
    failed, passed = turns[turns["failed"]], turns[~turns["failed"]]
    assert passed[VERDICT].isna().all(axis=None)
    assert failed["error_mode"].isin(MODES).all()
    assert (failed[VERDICT].astype(object) != "").all(axis=None)
    ids = {found.id for found in builtin_rules().rules} | {"text-model", "failed-alone"}
    assert set(failed["error_mode_rule"]) <= ids
    assert set(failed["error_mode_confidence"]) == {"firm", "tentative"}
    assert passed["error_mode_confidence"].isna().all()
    for found in failed.to_dict("records"):
        assert any(starts(found["error_mode_evidence"], found["judge_reasoning"]))
    assert set(failed["error_mode_runner_up"].dropna()) <= set(MODES)
    assert not (failed["error_mode_runner_up"].astype(str) == failed["error_mode"].astype(str)).any()


def starts(evidence, reasoning):
    """Yield for each length whether evidence begins with that much of the reasoning, verbatim; facts may follow."""
    yield evidence in reasoning
    yield from (evidence[:place] in reasoning for place in range(len(evidence)) if evidence[place:].startswith("; "))


ANY_REASONING = st.lists(
    st.sampled_from(
        [
            "The call is missing",
            "ended the session early",
            "did not hallucinate",
            "asked again for the name",
            "ambiguous",
            "invented a fee",
            ". ",
            "; ",
            " but ",
            "\n",
            "é𝄞\u2028",
            "empty reply",
            "only one of two",
        ]
    ),
    max_size=8,
).map("".join) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ANY_ANSWER = st.sampled_from(["", " ", "...", "<|end|>", "Sure.", "[EMPTY_RESPONSE]", "[MODEL_ENDED_SESSION]", None])


@settings(max_examples=25)
@given(
    st.lists(
        st.builds(
            lambda scores, reasoning, answer, calls: row(
                0, scores, judge_reasoning=reasoning, assistant_text=answer, tool_calls=calls
            ),
            st.dictionaries(st.sampled_from(["tool_use_correct", "kb_grounding", "x"]), st.booleans() | st.none()),
            ANY_REASONING,
            ANY_ANSWER,
            st.sampled_from([None, [], [{"name": "f"}]]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_the_rows_say_failed_ones_and_they_alone_get_a_verdict(rows):
    rows = [judged | {"turn": turn} for turn, judged in enumerate(rows)]
    with tempfile.TemporaryDirectory() as folder:
        found = verdicts(Path(folder), rows)
    for turn, judged in enumerate(rows):
        mode, rule_id, evidence = found[turn]
        if False not in judged["scores"].values():
            assert not any(isinstance(value, str) for value in found[turn])
            continue
        assert mode in MODES
        assert rule_id
        assert evidence
        if (judged["judge_reasoning"] or "").strip():
            assert any(starts(" ".join(evidence.split()), " ".join(judged["judge_reasoning"].split())))


@pytest.mark.parametrize(
    ("answer", "calls", "mode"),
    [
        ("[MODEL_ENDED_SESSION]", [], "premature_end_session"),
        ("[MODEL_ENDED_SESSION] goodbye", [{"name": "end_session"}], "premature_end_session"),
        ("[MODEL_ENDED_SESSION_EARLY]", [], "premature_end_session"),
        ("[EMPTY_RESPONSE]", [], "empty_response"),
        ("[EMPTY_RESPONSE after 2 retries]", [], "empty_response"),
        ("", [], "empty_response"),
        (" \n", None, "empty_response"),
    ],
)
def test_a_sentinel_decides_whatever_the_judge_says(tmp_path, answer, calls, mode):
    said = "The fee was invented and the call to look_up is missing; asked again for the name."
    rows = [failing(0, assistant_text=answer, tool_calls=calls, judge_reasoning=said)]
    assert verdicts(tmp_path, rows)[0][0] == mode


@pytest.mark.parametrize(
    ("reasoning", "mode"),
    [
        ("The model did not hallucinate. The call to book_slot is missing.", "tool_or_action_selection_error"),
        ("It didn't invent anything, but the tool was called twice.", "tool_or_action_selection_error"),
        ("No ambiguity here; the second action was dropped.", "partial_multi_tool_execution"),
        ("No memory problem. It invented a fee.", "knowledge_grounding_error"),
    ],
)
def test_a_fault_that_the_judge_denies_does_not_count(tmp_path, reasoning, mode):
    rows = [failing(0, judge_reasoning=reasoning, tool_calls=[{"name": "f"}])]
    found = verdicts(tmp_path, rows)[0]
    assert found[0] == mode
    assert any(told in found[2] for told in ("missing", "twice", "second action", "invented a fee"))


@pytest.mark.parametrize(
    "reasoning",
    [
        "The model did not hallucinate.",
        "It never fabricated anything.",
        "There was no ambiguity.",
        "Nothing was invented, no facts were made up.",
        "It did not forget the name.",
    ],
)
def test_a_denied_fault_alone_decides_nothing(tmp_path, reasoning):
    rows = [row(0, {"turn_taking": False}, judge_reasoning=reasoning)]
    assert verdicts(tmp_path, rows)[0][0] == "other"


def test_evidence_is_a_piece_of_the_reasoning_even_across_a_quotation(tmp_path):
    said = 'It said "blah blah blah" and hung up.'
    found = verdicts(tmp_path, [failing(1, judge_reasoning=said)], rule(pattern="said .* and hung"))
    assert found[1] == ("other", "mine", said)


def test_modes_of_equal_scores_rank_in_the_codebooks_order_although_their_sums_round_differently(tmp_path):
    weights = [("state_memory_failure", 0.3), ("other", 0.1), ("other", 0.2)]
    text = "".join(rule(f"r{number}", mode, weight=w, pattern="x") for number, (mode, w) in enumerate(weights))
    assert verdicts(tmp_path, [failing(0, judge_reasoning="x")], text)[0][:2] == ("state_memory_failure", "r0")


# --- A row's label and the other rows ---------------------------------------------------------------------------------

SAID = [
    "Friendliness: good. ",
    "kb: fine, the handbook was used\n",
    "- tool_use_correct: it never called look_up; ",
    "The kb_grounding is wrong. ",
    "It asked again for the name, which the caller had already given. ",
    "book_room was never called, but the fee was invented. ",
    "It assumed one of the two Smiths ",
    "the oak table ",
    "KB",
    "- true",
    "tone",
    '"the reply was',
    "overall",
    "although",
    "not",
]
NAMES = ["kb_grounding", "tool_use_correct", "friendliness", "tone", "state"]


@st.composite
def any_row(draw):
    """Draw one failed row as the rules read it."""
    scores = draw(st.dictionaries(st.sampled_from(NAMES), st.booleans() | st.none(), max_size=3))
    scores |= draw(st.sampled_from([{"tone": False}, {"kb_grounding": False}]))
    check = [{"name": "book_room", "status": draw(st.sampled_from(["made", "missing", "unexpected"])), "arguments": []}]
    return {
        "response_kind": draw(st.sampled_from(["text", "tool_call_only", "no_text", "model_ended_session"])),
        "failed_dimensions": [name for name, passed in scores.items() if passed is False],
        "user_text": draw(st.sampled_from(["the oak table", "Smith, at nine", "bye"])),
        "assistant_text": draw(st.sampled_from(["", "The fee is 20.", "Which oak table?"])),
        "judge_reasoning": draw(st.lists(st.sampled_from(SAID), max_size=4).map("".join)),
        "tool_calls": draw(st.sampled_from(["null", "[]", '[{"name":"book_room","args":{"who":"Smith"}}]'])),
        "tool_results": draw(st.sampled_from(["null", '[{"error":"no oak"}]'])),
        "scores": json.dumps(scores),
        "call_check": draw(st.sampled_from([None, json.dumps(check)])),
    }


def labels(rows):
    """Return the labels of failed rows, in order."""
    found = Scorer(pa.Table.from_pylist(rows), builtin_rules()).verdicts()
    return list(zip(found.modes, found.rules, found.evidence, found.runners_up, found.confidence, strict=True))


@settings(max_examples=40)
@given(st.lists(any_row(), min_size=1, max_size=8))
def test_a_rows_label_is_the_same_alone_and_in_any_company(rows):
    assert labels(rows) == [label for row in rows for label in labels([row])]


def test_a_name_in_one_row_is_no_tool_in_another(tmp_path):
    said = "The checkin was missing."
    alone = verdicts(tmp_path / "a", [failing(1, judge_reasoning=said)])
    beside = verdicts(tmp_path / "b", [failing(1, judge_reasoning=said), failing(2, judge_reasoning="checkIn")])
    assert beside[1] == alone[1]


def test_a_grade_alone_is_no_evidence_where_there_is_a_sentence(tmp_path):
    said = "Rating: [[2]]\nThe rhyme scheme is not consistent and the poem has six lines.\nScore: 3/10"
    found = verdicts(tmp_path, [failing(0, judge_reasoning=said), failing(1, judge_reasoning="Rating: [[2]]")])
    assert found[0][2] == "The rhyme scheme is not consistent and the poem has six lines."
    assert found[1][2] == "Rating: [[2]]"
