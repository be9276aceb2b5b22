"""References: JSONL files and benchmark folders are read, and code is never executed."""

from __future__ import annotations

import json

import pytest
from builders import write_lines

from pipeline.errors import InputError
from pipeline.load.reference import EXPORT, read_reference

TURNS = [
    {"input": "Hello", "golden_text": "Hi.", "required_function_call": None, "categories": ["basic_qa"]},
    {
        "input": "Book it",
        "golden_text": "Booked.",
        "required_function_call": {"name": "book", "args": {"day": "Friday"}},
        "function_call_response": {"status": "success"},
        "categories": ["tool_use"],
    },
    {
        "input": "Both",
        "required_function_call": [{"name": "a", "args": {}}, {"name": "b", "args": {"n": 1}}],
        "function_call_response": [{"ok": True}, {"ok": False}],
    },
]


def jsonl(tmp_path, *lines):
    return write_lines(tmp_path / "reference.jsonl", lines)


def benchmark(tmp_path, code, **texts):
    folder = tmp_path / "bench"
    for name, text in {"turns.py": code, **texts}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def problems(path):
    with pytest.raises(InputError) as caught:
        read_reference(path, "ref")
    return [(problem.where.rpartition("/")[2], problem.what, problem.fix) for problem in caught.value.problems]


def test_turns_of_a_jsonl_file_are_numbered_in_order_and_hold_their_calls_with_results(tmp_path):
    reference = read_reference(jsonl(tmp_path, *TURNS), "ref")
    assert [*reference.turns] == [0, 1, 2]
    assert reference.turns[0].expected_calls == ()
    assert reference.turns[0].categories == ("basic_qa",)
    assert json.loads(reference.turns[1].calls_json) == [
        {"name": "book", "args": {"day": "Friday"}, "response": {"status": "success"}}
    ]
    assert [call.response for call in reference.turns[2].expected_calls] == [{"ok": True}, {"ok": False}]
    assert reference.turns[2].golden_text == ""


def test_turn_numbers_that_are_given_count(tmp_path):
    path = jsonl(tmp_path, {"turn": 7, "input": "x"}, {"turn": 3, "input": "y"})
    assert [(turn, each.input) for turn, each in read_reference(path, "ref").turns.items()] == [(3, "y"), (7, "x")]


def test_every_problem_of_a_jsonl_file_is_named_with_its_line(tmp_path):
    path = jsonl(tmp_path, {"turn": 0, "input": "x"}, "{", [], {"turn": "1", "input": ""})
    assert [where for where, _, _ in problems(path)] == ["reference.jsonl:2"]
    path = jsonl(
        tmp_path,
        {"turn": 0, "input": "x"},
        [],
        {"turn": "1", "input": ""},
        {"turn": 0, "golden_text": 3, "required_function_call": {"args": {}}, "categories": [1]},
    )
    assert [(where, what) for where, what, _ in problems(path)] == [
        ("reference.jsonl:2", "no turn of a reference"),
        ("reference.jsonl:3", 'turn is "1"'),
        ("reference.jsonl:4", "golden_text is not text"),
        ("reference.jsonl:4", "required_function_call is no call"),
        ("reference.jsonl:4", "categories is no list of names"),
        ("reference.jsonl:4", "turn 0 stands here a second time"),
    ]


def test_an_empty_file_is_a_problem(tmp_path):
    assert problems(jsonl(tmp_path))[0][1] == "an empty reference"


def test_a_benchmark_folder_gives_its_turns_its_prompt_and_its_knowledge(tmp_path):
    code = f'"""Turns."""\nfrom typing import Any\n\nturns: list[dict[str, Any]] = {TURNS!r}\nassert len(turns) == 3\n'
    folder = benchmark(
        tmp_path, code, **{"system_prompt.txt": "Be brief.", "data/hours.md": "Open until 22:00.", "README.md": "no"}
    )
    reference = read_reference(folder, "ref")
    assert reference.turns == read_reference(jsonl(tmp_path, *TURNS), "ref").turns
    assert reference.system_prompt == "Be brief."
    assert reference.knowledge == {"data/hours.md": "Open until 22:00."}


def test_the_digest_changes_with_every_file_that_was_read(tmp_path):
    def digest(**texts):
        return read_reference(benchmark(tmp_path, f"turns = {TURNS!r}", **texts), "ref").sha256

    first = digest(**{"prompt.txt": "a"})
    assert digest(**{"prompt.txt": "a"}) == first
    assert digest(**{"prompt.txt": "b"}) != first


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import os\nturns = make()", "turns.py:2"),
        ("turns = [\n {'input': 'a'},\n {'input': 'a' + b},\n]", "turns.py:3"),
        ("turns = [{'input': 'a'}]\nturns.append({'input': 'b'})", "turns.py:2"),
        ("turns = [{'input': 'a'}]\nturns += [1]", "turns.py:2"),
        ("turns = [{'input': 'a'}]\nturns[0]['input'] = 'b'", "turns.py:2"),
        ("turns = [{'input': 'a'}]\nturns = [{'input': 'b'}]", "turns.py:2"),
        ("turns = [{'input': 'a'}]\nlast = turns.pop()", "turns.py:2"),
        ("turns = [{'input': 'a'}]\nfor turn in turns:\n    turn['input'] = 'b'", "turns.py:2"),
        ("from shared import turns", "turns.py:1"),
        ("turns = [{'input': {1, 2}}]", "turns.py:1"),
        ("turns = [", "turns.py:1"),
        ("x = 1", "turns.py"),
        ("turns = []", "turns.py"),
    ],
)
def test_anything_but_a_literal_list_is_an_error_with_the_line_that_exports_jsonl(tmp_path, code, line):
    ((where, _, fix),) = problems(benchmark(tmp_path, code))
    assert where == line
    assert EXPORT in fix


def test_code_is_never_executed(tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\nturns = [{{'input': 'a'}}]\n"
    assert read_reference(benchmark(tmp_path, code), "ref").turns[0].input == "a"
    assert not (tmp_path / "ran").exists()


def test_a_folder_without_turns_is_an_error(tmp_path):
    (tmp_path / "bench").mkdir()
    assert problems(tmp_path / "bench")[0][1] == "no turns.py in this benchmark folder"
