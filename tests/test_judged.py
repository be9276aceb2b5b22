"""The judged-JSONL format: what other writers emit loads, what is no judged row is named by its line."""

import json
import math
from dataclasses import dataclass

import pytest
from builders import as_line, failing, row
from hypothesis import given
from hypothesis import strategies as st

from pipeline.load.judged import BadLine, Repair, decode
from pipeline.load.repair import MAX_DEPTH
from pipeline.load.rows import text_columns

BOM = b"\xef\xbb\xbf"
TEXTS = ("user_text", "assistant_text", "judge_reasoning")
PAYLOADS = ("tool_calls", "tool_results")


@dataclass
class Read:
    """A block as it is read: rows as dictionaries, bad lines, and repairs of lines and of payloads."""

    rows: list[dict]
    bad: list[BadLine]
    repairs: list[Repair]

    @property
    def lines(self):
        return [found["source_line"] for found in self.rows]


def read(block, first_line=1):
    """Decode a block and lay out its texts."""
    decoded = decode(block, first_line)
    texts, replaced = text_columns(decoded.rows)
    rows = [
        {
            "source_line": number,
            "turn": found.turn,
            "model_name": found.model_name,
            "latency_ms": found.latency_ms,
            "ttfb_ms": found.ttfb_ms,
            **of_row,
            "dimensions": list(found.scores),
            "passes": list(found.scores.values()),
        }
        for number, found, of_row in zip(decoded.lines, decoded.rows, texts.to_pylist(), strict=True)
    ]
    repairs = [*decoded.repairs, *(Repair(decoded.lines[position], what) for position, what in replaced)]
    return Read(rows, decoded.bad, repairs)


def decode_one(line):
    """Decode a line that must be a good row; return the row and its repairs."""
    decoded = read(as_line(line))
    assert decoded.bad == []
    (only,) = decoded.rows
    return only, decoded.repairs


def scores_of(decoded_row):
    return dict(zip(decoded_row["dimensions"], decoded_row["passes"], strict=True))


def cleaned(value):
    """Say what a JSON value becomes in our outputs."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case str():
            return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
        case list():
            return [cleaned(item) for item in value]
        case dict():
            return {cleaned(key): cleaned(item) for key, item in value.items()}
        case _:
            return value


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def load_strictly(text):
    """Load JSON as a strict reader does: no NaN, nothing beyond a float's range."""
    value = json.loads(text, parse_constant=refuse_constant)
    assert json.dumps(value) == json.dumps(cleaned(value))
    return value


# --- What other writers emit ---------------------------------------------------------------------------------

ROW = b'{"turn":3,"user_text":"hi","scores":{"a":true,"b":null,"c":false}}'


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(ROW, id="last line without newline"),
        pytest.param(ROW + b"\n", id="newline"),
        pytest.param(ROW + b"\r\n", id="CRLF"),
        pytest.param(BOM + ROW + b"\n", id="byte-order mark"),
        pytest.param(BOM + ROW + b"\r\n", id="byte-order mark and CRLF"),
        pytest.param(b"\t " + ROW + b"  \n", id="white space around"),
        pytest.param(ROW.replace(b",", b",\r"), id="bare CR between tokens"),
        pytest.param(ROW.replace(b'"turn":3', b'"turn":1,"turn":3'), id="duplicate key"),
        pytest.param(ROW.replace(b'"turn":3', b'"turn":"x","turn":3'), id="duplicate key, bad first"),
        pytest.param(ROW.replace(b'"a":true', b'"a":false,"a":true'), id="duplicate dimension"),
        pytest.param(ROW.replace(b'"scores"', b'"scores":[1],"scores"'), id="duplicate scores"),
        pytest.param(ROW[:-1] + b',"new":{"deep":[1,"x"]}}', id="unknown key"),
        pytest.param(ROW[:-1] + b',"new":NaN}', id="NaN in an unknown key"),
        pytest.param(ROW[:-1] + b',"new":"\\udc00"}', id="lone surrogate in an unknown key"),
        pytest.param(ROW[:-1] + b',"new":%s}' % (b"9" * 5000), id="5000 digits in an unknown key"),
        pytest.param(ROW[:-1] + b',"\\ud800":1}', id="lone surrogate in a key"),
        pytest.param(ROW[:-1] + b',"tokens":null,"reconnection_count":0}', id="keys of the harness"),
    ],
)
def test_a_row_loads_however_it_was_written(block):
    decoded = read(block)
    assert decoded.bad == []
    (only,) = decoded.rows
    assert (only["turn"], only["user_text"]) == (3, "hi")
    assert scores_of(only) == {"a": True, "b": None, "c": False}


def test_blank_lines_are_passed_over_and_still_counted():
    decoded = read(b"\n" + ROW + b"\n\r\n\n" + ROW.replace(b"3", b"4") + b"\n\n")
    assert decoded.lines == [2, 5]
    assert decoded.bad == []


@pytest.mark.parametrize("line", [b"  ", b"\t", b"\x0b\r", "\u2028".encode(), BOM, BOM + ROW])
def test_only_a_line_ending_is_blank_and_only_line_1_may_begin_with_a_byte_order_mark(line):
    decoded = read(ROW + b"\n" + line + b"\n")
    assert (decoded.lines, [bad.line for bad in decoded.bad]) == ([1], [2])


def test_a_file_of_a_byte_order_mark_alone_has_no_rows_and_no_faults():
    decoded = read(BOM + b"\n")
    assert (len(decoded.rows), decoded.bad) == (0, [])


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e"])
def test_only_a_newline_ends_a_line(char):
    line = json.dumps(row(0, user_text=f"a{char}b"), ensure_ascii=not char.isprintable() and char < " ")
    only, repairs = decode_one(line)
    assert only["user_text"] == f"a{char}b"
    assert repairs == []


def test_a_surrogate_pair_is_one_character():
    only, repairs = decode_one(b'{"turn":0,"user_text":"\\ud83d\\ude00","tool_calls":["\\ud83d\\ude00"],"scores":{}}')
    assert only["user_text"] == "\U0001f600"
    assert json.loads(only["tool_calls"]) == ["\U0001f600"]
    assert repairs == []


@pytest.mark.parametrize("surrogate", ["\\ud800", "\\udfff", "\\ude00\\ud83d"])
@pytest.mark.parametrize("name", [*TEXTS, "model_name"])
def test_a_lone_surrogate_in_a_text_becomes_the_replacement_character_and_is_noted(name, surrogate):
    only, repairs = decode_one(f'{{"turn":0,"{name}":"a{surrogate}b","scores":{{}}}}')
    assert only[name] == "a" + "\ufffd" * surrogate.count("u") + "b"
    assert [repair.line for repair in repairs] == [1]


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('["\\ud800"]', ["\ufffd"]),
        ('[{"\\udfff": 1}]', [{"\ufffd": 1}]),
        ("[NaN, Infinity, -Infinity]", [None, None, None]),
        ("[1e999, -1e999]", [None, None]),
        ("[1E+400]", [None]),
        pytest.param(f"[{'9' * 400}.5]", [None], id="400 digits and a point"),
        pytest.param(f"[{'9' * 300}e99]", [None], id="300 digits and a two-digit exponent"),
    ],
)
def test_what_json_cannot_hold_is_replaced_in_a_payload_and_noted(name, written, meant):
    only, repairs = decode_one(f'{{"turn":0,"{name}":{written},"scores":{{}}}}')
    assert load_strictly(only[name]) == meant
    assert {repair.line for repair in repairs} == {1}


def test_a_lone_surrogate_in_a_dimension_is_replaced():
    only, repairs = decode_one(b'{"turn":0,"scores":{"a\\ud800":false}}')
    assert scores_of(only) == {"a\ufffd": False}
    assert repairs


@pytest.mark.parametrize(
    "scores",
    [
        b'{"a\\ud800":false,"a\\udfff":true}',
        b'{"a\\ufffd":false,"a\\ud800":true}',
        b'{"a\\ud800":false,"a\\udc00":true,"a\\\\ud800":null}',
    ],
)
def test_dimensions_whose_names_would_become_one_are_all_kept(scores):
    only, _ = decode_one(b'{"turn":0,"scores":' + scores + b"}")
    assert list(scores_of(only).values()) == [False, True, None][: scores.count(b",") + 1]


@pytest.mark.parametrize(("depth", "loads"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False), (100_000, False)])
def test_payloads_load_up_to_one_depth_on_every_python(depth, loads):
    nested = b'{"a":[' * (depth // 2) + b"[" * (depth % 2) + b"]" * (depth % 2) + b"]}" * (depth // 2)
    decoded = read(b'{"turn":0,"user_text":"[[{{\\"[","scores":{},"tool_calls":' + nested + b"}")
    assert [bool(decoded.rows), not decoded.bad] == [loads, loads]


def test_many_brackets_that_are_not_nested_load():
    only, _ = decode_one(b'{"turn":0,"scores":{},"tool_calls":[' + b",".join([b'{"a":["[[["]}'] * 5000) + b"]}")
    assert len(json.loads(only["tool_calls"])) == 5000


@pytest.mark.parametrize("digits", [18, 19, 20, 40, 400, 4000])
def test_a_big_integer_in_a_payload_is_kept(digits):
    only, repairs = decode_one(f'{{"turn":0,"tool_calls":[{"9" * digits}],"scores":{{}}}}')
    assert json.loads(only["tool_calls"]) == [10**digits - 1]
    assert repairs == []


def test_an_integer_of_5000_digits_in_a_payload_leaves_json_that_python_reads():
    only, _ = decode_one(f'{{"turn":0,"tool_calls":[1,{"9" * 5000}],"scores":{{}}}}')
    assert json.loads(only["tool_calls"])[0] == 1


@pytest.mark.parametrize("name", ["latency_ms", "ttfb_ms"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("480", 480),
        ("480.5", 480.5),
        ("0", 0),
        ("null", None),
        (str(2**53 + 1), 2**53),
        (str(2**64), 2**64),
        pytest.param("9" * 400, None, id="400 digits"),
        pytest.param("9" * 5000, None, id="5000 digits"),
        ("NaN", None),
        ("1e999", None),
        ('"480 ms"', None),
        ("true", None),
        ("[480]", None),
    ],
)
def test_a_latency_is_a_number_or_not_measured(name, written, read):
    only, repairs = decode_one(f'{{"turn":0,"{name}":{written},"scores":{{}}}}')
    assert only[name] == read
    assert bool(repairs) == (read is None and written != "null")


def test_tool_arguments_of_every_shape_are_kept_as_they_came():
    calls = [
        {"name": "book", "args": {"day": 3, "slots": [1, "2", None, {"x": []}]}},
        {"name": "book", "args": "plain"},
        "not an object",
        7,
        None,
        {"args": None},
    ]
    only, repairs = decode_one(row(0, tool_calls=calls, tool_results={"name": "x"}))
    assert json.loads(only["tool_calls"]) == calls
    assert json.loads(only["tool_results"]) == {"name": "x"}
    assert repairs == []


def test_a_dimension_that_nobody_has_seen_before_is_a_dimension():
    only, _ = decode_one(row(0, {"brand new ✓": False, "": True}))
    assert scores_of(only) == {"brand new ✓": False, "": True}


# --- Fields --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("judge_reasoning", [{}, {"judge_reasoning": None}, {"judge_reasoning": ""}])
@pytest.mark.parametrize(
    ("given_reasons", "chosen"),
    [
        ({"reasoning": "r"}, "r"),
        ({"reasoning": "r", "openai_reasoning": "o"}, "o"),
        ({"openai_reasoning": "o", "claude_reasoning": "c", "reasoning": "r"}, "c"),
        ({"claude_reasoning": "", "openai_reasoning": None, "reasoning": "r"}, "r"),
        ({"claude_reasoning": None}, ""),
        ({}, ""),
    ],
)
def test_the_reasoning_is_the_first_that_is_not_empty(judge_reasoning, given_reasons, chosen):
    only, _ = decode_one({"turn": 0, "scores": {}} | given_reasons | judge_reasoning)
    assert only["judge_reasoning"] == chosen


def test_judge_reasoning_comes_before_all_others():
    reasons = {"reasoning": "r", "openai_reasoning": "o", "claude_reasoning": "c", "judge_reasoning": "j"}
    assert decode_one({"turn": 0, "scores": {}} | reasons)[0]["judge_reasoning"] == "j"


@pytest.mark.parametrize("texts", [{}, dict.fromkeys(TEXTS)])
def test_absent_and_null_text_is_empty_text(texts):
    only, repairs = decode_one({"turn": 0, "scores": {}} | texts)
    assert [only[name] for name in TEXTS] == ["", "", ""]
    assert repairs == []


@pytest.mark.parametrize("value", [5, 1.5, True, ["a", {"b": None}], {"text": "ü"}])
@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_string_is_kept_as_json_text(name, value):
    only, repairs = decode_one(row(0, **{name: value}))
    assert json.loads(only[name]) == value
    assert len(repairs) == 1


# --- Lines that are no judged rows ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"scores":{}}', "turn"),
        ('{"turn":-1,"scores":{}}', "-1"),
        (f'{{"turn":{2**63},"scores":{{}}}}', str(2**63)),
        ('{"turn":1e300,"scores":{}}', "turn"),
        pytest.param(f'{{"turn":{"9" * 5000},"scores":{{}}}}', "turn", id="turn of 5000 digits"),
        ('{"turn":1.5,"scores":{}}', "1.5"),
        ('{"turn":true,"scores":{}}', "true"),
        ('{"turn":null,"scores":{}}', "null"),
        ('{"turn":"3","scores":{}}', '"3"'),
        ('{"turn":[3],"scores":{}}', "[3]"),
        ('{"turn":NaN,"scores":{}}', "turn"),
        ('{"turn":1}', "scores"),
        ('{"turn":1,"scores":null}', "null"),
        ('{"turn":1,"scores":[]}', "[]"),
        ('{"turn":1,"scores":[true]}', "[true]"),
        ('{"turn":1,"scores":"pass"}', '"pass"'),
        ('{"turn":1,"scores":{"a":"true"}}', '"a" is "true"'),
        ('{"turn":1,"scores":{"a":1}}', '"a" is 1'),
        ('{"turn":1,"scores":{"a":0.5}}', '"a" is 0.5'),
        ('{"turn":1,"scores":{"a":{}}}', '"a" is {}'),
        ("[]", "array"),
        ("null", "null"),
        ("3", "number"),
        ('"text"', "string"),
        ('{"turn":1,"scores":{', "not JSON"),
        ('{"turn":1,"scores":{"a":tru', "not JSON"),
        ('{"turn":1,"scores":{}} {}', "not JSON"),
        ("{'turn':1,'scores':{}}", "not JSON"),
        ('{"turn":01,"scores":{}}', "not JSON"),
        (b'{"turn":1,"user_text":"a\x01b","scores":{}}', "not JSON"),
        (b'{"turn":1,"tool_calls":["a\x01b"],"scores":{}}', "not JSON"),
        (b'{"turn":1,"user_text":"caf\xe9","scores":{}}', "UTF-8"),
        (b'{"turn":1,"tool_calls":["\xed\xa0\x80"],"scores":{}}', "UTF-8"),
        (b'{"turn":1,"ignored":"\xff","scores":{}}', "UTF-8"),
        (b"\x00\x00", "not JSON"),
        pytest.param("[" * 100_000, "deep", id="nested too deeply"),
        pytest.param(
            f'{{"turn":1,"tool_calls":{"[" * 100_000}{"]" * 100_000},"scores":{{}}}}', "deep", id="deep payload"
        ),
    ],
)
def test_a_line_that_is_no_judged_row_is_named_with_what_is_wrong_and_a_fix(line, what):
    decoded = read(b"\n".join([as_line(row(0)), as_line(line), as_line(failing(1))]))
    assert decoded.lines == [1, 3]
    (bad,) = decoded.bad
    assert (bad.line, bad.raw) == (2, as_line(line))
    assert what in bad.what
    assert bad.fix


def test_every_fault_of_a_line_is_named():
    bad = read(b'{"turn":-1,"scores":{"a":1,"b":"no","c":true}}').bad
    assert [fault.line for fault in bad] == [1, 1, 1]
    assert ["turn" in bad[0].what, '"a"' in bad[1].what, '"b"' in bad[2].what] == [True, True, True]


@pytest.mark.parametrize(("score", "fix"), [("true", "true"), (0, "false"), ("fail", "false"), ("n/a", "null")])
def test_the_fix_of_a_score_is_the_nearest_value(score, fix):
    (bad,) = read(as_line(row(0, {"a": score}))).bad
    assert bad.fix.endswith(fix)


# --- Properties ----------------------------------------------------------------------------------------------

any_text = st.text(st.characters(exclude_categories=()), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
judged_rows = st.fixed_dictionaries(
    {
        "turn": st.integers(0, 2**63 - 1),
        "scores": st.dictionaries(any_text, st.none() | st.booleans(), max_size=4),
    },
    optional={
        **dict.fromkeys(TEXTS, st.none() | any_text),
        **dict.fromkeys(PAYLOADS, values),
        "model_name": st.none() | any_text,
        "tokens": values,
        "latency_ms": st.none() | st.integers(0, 2**60) | st.floats(),
    },
)


@st.composite
def written_rows(draw):
    """Write a row as some JSON writer does."""
    value = draw(judged_rows)
    indent = draw(st.sampled_from([(", ", ": "), (",", ":"), (" ,\r", "\t: ")]))
    try:
        return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=indent).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=indent).encode()


@st.composite
def damaged_rows(draw):
    """Write a row and break it here and there, or leave it whole by chance."""
    line = bytearray(draw(written_rows()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(line).replace(b"\n", b" ")


some_bytes = st.binary(max_size=12).map(lambda text: text.replace(b"\n", b""))
lines = written_rows() | damaged_rows() | some_bytes | st.sampled_from([b"", b" ", b"\r", BOM + ROW, b"\xff"])


@given(written_rows())
def test_a_decoded_row_holds_what_the_json_says(line):
    said = json.loads(line)
    only, _ = decode_one(line)
    assert only["turn"] == said["turn"]
    assert list(scores_of(only).items()) == list(cleaned(said["scores"]).items())
    for name in TEXTS:
        assert only[name] == (cleaned(said.get(name)) or "")
    assert only["model_name"] == cleaned(said.get("model_name"))
    for name in PAYLOADS:
        assert json.dumps(load_strictly(only[name])) == json.dumps(cleaned(said.get(name)))
        assert "\r" not in only[name]
        only[name].encode()


@given(written_rows())
def test_a_row_is_noted_as_repaired_exactly_when_something_in_it_was_replaced(line):
    said = json.loads(line)
    _, repairs = decode_one(line)
    replaced = json.dumps(said) != json.dumps(cleaned(said))
    assert {repair.line for repair in repairs} == ({1} if replaced else set())


@given(st.lists(lines, max_size=8), st.data())
def test_blocks_cut_at_any_line_give_the_same_rows(file_lines, data):
    ended = [line + b"\n" for line in file_lines]
    cut = data.draw(st.integers(0, len(ended)))
    whole = read(b"".join(ended))
    first, second = read(b"".join(ended[:cut])), read(b"".join(ended[cut:]), cut + 1)
    assert whole.rows == first.rows + second.rows
    assert whole.bad == first.bad + second.bad
    assert sorted(whole.repairs, key=repr) == sorted(first.repairs + second.repairs, key=repr)


@given(st.lists(lines, max_size=8))
def test_every_line_that_is_not_blank_is_a_row_or_a_named_bad_line(file_lines):
    decoded = read(b"\n".join(file_lines))
    rows = decoded.lines
    bad = {line.line for line in decoded.bad}
    blank = {b"", b"\r"} | {BOM, BOM + b"\r"}
    filled = [n for n, line in enumerate(file_lines, 1) if line not in (blank if n == 1 else {b"", b"\r"})]
    assert sorted([*rows, *bad]) == filled
    assert all(
        line.raw == file_lines[line.line - 1].removeprefix(BOM * (line.line == 1)) and line.what and line.fix
        for line in decoded.bad
    )
    assert all(repair.line in rows for repair in decoded.repairs)


@given(damaged_rows())
def test_a_damaged_line_is_a_row_exactly_when_it_is_still_one_by_the_definition(line):
    assert bool(read(line).rows) == _is_judged_row(line)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoder_raise(block):
    decoded = read(block)
    assert len(decoded.rows) == 0
    assert {bad.line for bad in decoded.bad} <= set(range(1, block.count(b"\n") + 2))


def _is_judged_row(line):
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except ValueError:
        return False
    if not isinstance(value, dict) or not isinstance(value.get("scores"), dict):
        return False
    turn = value.get("turn")
    if isinstance(turn, bool) or not isinstance(turn, int | float) or not 0 <= turn < 2**63:
        return False
    scored = all(score is None or isinstance(score, bool) for score in cleaned(value["scores"]).values())
    return turn == int(turn) and scored


@pytest.mark.parametrize(
    "block",
    [
        b'{"turn":1,"scores":{}} {"turn":2,"scores":{}}\n{"turn":3,\n"scores":{}}\n',
        b'{"turn":1,"scores":{}} {"turn":2,"scores":{}}\n{"turn":3,"scores":\n{}}\n',
        b'{"turn":1,"scores":{}}{"turn":2,"scores":{}}\n\n{"turn":3,"scores":{}}',
    ],
)
def test_two_rows_on_a_line_are_not_made_up_for_by_one_on_two_lines(block):
    decoded = read(block)
    assert decoded.bad[0].line == 1
    assert all(row <= 3 for row in decoded.lines)
    assert len(decoded.rows) + len({bad.line for bad in decoded.bad}) == sum(map(bool, block.splitlines()))


PIECES = (
    b'{"turn": 1, "scores": {"a": true}}',
    b'{"turn": 2, "scores": {}, "tool_calls": [{"name": "x"}]}',
    b'{"turn": 3, "scores": {}} {"turn": 4, "scores": {}}',
    b'{"turn": 5,',
    b'"scores": {"a": null}}',
    b'{"turn": 6, "scores":',
    b'{"a": false}}',
    b"",
    b" ",
    b'{"turn": -1, "scores": {}}',
    b'{"turn": 7, "scores": {}, "user_text": "\xff"}',
    b'{"turn": 8, "scores": {}, "\xff": 1}',
    b'{"turn": 9, "scores": {}, "latency_ms": NaN}',
    b'{"turn": 10, "scores": {}}\r',
    b"[]",
)


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.booleans())
def test_a_block_is_read_as_its_lines_are(pieces, ended):
    block = b"\n".join(pieces) + (b"\n" if ended else b"")
    whole = read(block, 5)
    lines = [read(line, number) for number, line in enumerate(block.split(b"\n"), 5)]
    assert whole.rows == [row for line in lines for row in line.rows]
    assert whole.bad == [bad for line in lines for bad in line.bad]
    assert whole.repairs == [repair for line in lines for repair in line.repairs]
