"""The mechanical check of calls: what was made, missing, early, late, wrong or unexpected, and how arguments differ."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.facts import call_facts
from pipeline.rules.ruleset import builtin_rules
from pipeline.rules.scorer import Scorer
from pipeline.stages.arguments import difference
from pipeline.stages.call_check import Call, TurnCalls, add_call_check, check_calls


@pytest.mark.parametrize(
    ("expected", "actual", "kind"),
    [
        ("M4", "M4", None),
        ("M4", "m4", "format"),
        ("M4", "M5", "value"),
        ("Priya Anand", "priya  anand.", "format"),
        ("Priya Anand", "Pria Anand", "value"),
        (5, "5", "format"),
        (5, 5.0, "format"),
        ("1,000", 1000, "format"),
        (1.5, "15", "value"),
        ("3.5", "35", "value"),
        ("-5", "5", "value"),
        ("true", True, "format"),
        (1, True, "value"),
        (None, "", "format"),
        (None, "x", "value"),
        ("2026-03-03", "March 3, 2026", "format"),
        ("2026-03-04", "04.03.2026", "format"),
        ("2026-03-04", "2026-03-05", "value"),
        ("19:00", "7pm", "format"),
        ("19:00", "7:30 pm", "value"),
        ("5550142", "555 0142", "format"),
        ("5550142", "555-0143", "value"),
        ("+49 171 1234567", "0171 1234567", "format"),
        ("+1 555 555 0142", "(555) 555-0142", "format"),
        (["a"], '["A"]', "format"),
        ({"a": 1}, {"a": "2"}, "value"),
        ("\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}", "value"),
    ],
)
def test_arguments_differ_in_format_or_in_value(expected, actual, kind):
    assert difference(expected, actual) == kind
    assert difference(actual, expected) == kind


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(values, values)
def test_the_difference_of_any_two_values_is_symmetric_and_none_for_the_same(one, other):
    assert difference(one, one) is None
    assert difference(one, other) == difference(other, one)


BOOK = Call("book", {"day": "Friday"})


def statuses(*turns, independent=False):
    """Check turns given as (expected, made)."""
    calls = [TurnCalls(number, tuple(expected), tuple(made)) for number, (expected, made) in enumerate(turns)]
    return [
        [(call.name, call.status, call.turn) for call in checked]
        for checked in check_calls(calls, independent=independent)
    ]


def test_a_call_is_made_missing_wrong_or_unexpected():
    assert statuses(([BOOK], [BOOK])) == [[("book", "made", None)]]
    assert statuses(([BOOK], [])) == [[("book", "missing", None)]]
    assert statuses(([BOOK], [Call("book", {"day": "Monday"})])) == [[("book", "wrong", None)]]
    assert statuses(([], [BOOK])) == [[("book", "unexpected", None)]]
    assert statuses(([BOOK], [Call("book", {"day": "friday"})])) == [[("book", "made", None)]]
    assert statuses(([], [])) == [[]]


def test_the_call_that_differs_least_answers_the_expected_one_and_the_other_is_unexpected():
    retried = ([BOOK], [Call("book", {"day": "Monday"}), BOOK])
    assert statuses(retried) == [[("book", "made", None), ("book", "unexpected", None)]]
    assert statuses(([BOOK], [BOOK, BOOK])) == [[("book", "made", None), ("book", "unexpected", None)]]


def test_a_call_on_another_turn_is_early_or_late_unless_turns_are_independent():
    assert statuses(([], [BOOK]), ([BOOK], [])) == [[("book", "unexpected", 1)], [("book", "early", 0)]]
    assert statuses(([BOOK], []), ([], [BOOK])) == [[("book", "late", 1)], [("book", "unexpected", 0)]]
    alone = [[("book", "missing", None)], [("book", "unexpected", None)]]
    assert statuses(([BOOK], []), ([], [BOOK]), independent=True) == alone
    other = Call("book", {"day": "Monday"})
    assert statuses(([BOOK], []), ([], [other])) == alone


def test_one_call_made_elsewhere_answers_one_expected_call_only():
    found = statuses(([BOOK], []), ([BOOK], []), ([], [BOOK]))
    assert found == [[("book", "late", 2)], [("book", "missing", None)], [("book", "unexpected", 0)]]


def frame(*rows):
    """Make turns of one run: (expected_calls, oracle_continuation, tool_calls, tool_results) as values or None."""
    names = ("expected_calls", "oracle_continuation", "tool_calls", "tool_results")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    texts = {
        name: [None if value is None and not name.startswith("tool") else json.dumps(value) for value in column]
        for name, column in columns.items()
    }
    run = pd.Series(["run"] * len(rows), dtype="category")
    return pd.DataFrame({"run_id": run, "turn": range(len(rows)), **texts}).astype(dict.fromkeys(names, "str"))


def checked(*rows):
    turns = frame(*rows)
    before = turns.copy()
    found = [json.loads(text) if isinstance(text, str) else None for text in add_call_check(turns)["call_check"]]
    pd.testing.assert_frame_equal(turns, before)
    return found


def named(found):
    return [[(each["name"], each["status"]) for each in row] for row in found]


def call(name, **args):
    return {"name": name, "args": args}


def test_arguments_that_differ_are_listed_with_both_values_and_absent_ones_as_null():
    made = call("book", day="friday", who="Pria", extra=1)
    (found,) = checked(([call("book", day="Friday", who="Priya")], None, [made], []))
    assert found == [
        {
            "name": "book",
            "status": "wrong",
            "arguments": [
                {"name": "day", "expected": "Friday", "actual": "friday", "difference": "format"},
                {"name": "who", "expected": "Priya", "actual": "Pria", "difference": "value"},
                {"name": "extra", "expected": None, "actual": 1, "difference": "value"},
            ],
        }
    ]


def test_a_row_of_which_nothing_is_expected_or_known_has_no_check():
    assert checked((None, None, [call("book")], []), ([], None, None, None)) == [None, []]


def test_what_the_oracle_continued_with_is_expected_where_there_is_no_reference():
    oracle = {"used": True, "oracle_tool_calls": [call("book", day="Friday")]}
    found = checked((None, oracle, [call("book", day="Monday")], []), ([call("end")], oracle, [call("end")], []))
    assert [[(each["name"], each["status"]) for each in row] for row in found] == [
        [("book", "wrong")],
        [("end", "made")],
    ]


def test_what_tool_results_say_of_their_calls_counts_where_nothing_else_does():
    mismatch = {"name": "book", "response": {"error_code": "ARG_MISMATCH", "called_function": "book"}}
    nested = {"result": {"error_code": "UNEXPECTED_TOOL_CALL", "called_function": "b", "expected_function": "a"}}
    found = checked(
        (None, None, [call("book")], [mismatch]), (None, None, [call("b")], [{"name": "b", "response": nested}])
    )
    assert named(found) == [[("book", "wrong")], [("a", "missing"), ("b", "unexpected")]]


def test_calls_in_other_shapes_are_read_and_what_is_no_call_is_passed_over():
    shapes = [{"function": {"name": "book", "arguments": '{"day": "Friday"}'}}, "noise", 3, {"name": None}]
    (found,) = checked(([call("book", day="Friday")], None, shapes, []))
    assert [each["status"] for each in found] == ["made"]


def test_the_rules_see_the_checked_calls_of_a_failed_row():
    differs = {"name": "slot", "expected": 5, "actual": 4}
    checks = [
        (
            [{"name": "a", "status": "missing", "arguments": []}],
            {"missing": "no call to `a`, which the reference expects"},
        ),
        (
            [{"name": "a", "status": "late", "arguments": [], "turn": 3}],
            {"elsewhere": "`a` was called late, by the reference"},
        ),
        (
            [{"name": "a", "status": "wrong", "arguments": [differs | {"difference": "value"}]}],
            {"wrong": "`slot` of `a` is 4, the reference expects 5"},
        ),
        (
            [{"name": "a", "status": "unexpected", "arguments": []}],
            {"unexpected": "a call to `a`, which the reference does not expect"},
        ),
        (
            [{"name": "a", "status": "made", "arguments": [differs | {"difference": "format"}]}],
            {
                "made": "`slot` of `a` is 4, the reference expects 5",
                "format-only": "`slot` of `a` is 4, the reference expects 5",
            },
        ),
    ]
    for check, facts in checks:
        assert call_facts(json.dumps(check)) == facts
    assert call_facts(None) == {}


def test_a_missing_call_is_named_behind_the_judges_sentence():
    row = {
        "response_kind": "text",
        "failed_dimensions": ["tool_use_correct"],
        "user_text": "Please book locker 4.",
        "assistant_text": "Done!",
        "judge_reasoning": "The locker was not reserved.",
        "tool_calls": "[]",
        "tool_results": "[]",
        "scores": '{"tool_use_correct": false}',
        "call_check": json.dumps([{"name": "reserve_locker", "status": "missing", "arguments": []}]),
    }
    found = Scorer(pa.Table.from_pylist([row]), builtin_rules()).verdicts()
    assert found.modes == ["tool_or_action_selection_error"]
    assert found.evidence == ["The locker was not reserved.; no call to `reserve_locker`, which the reference expects"]
