"""The review packet: every failed row with all its evidence, as JSON lines and as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from builders import failing, row, write_run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from recount import failed_row_ids, listed_runs, write_runs

from pipeline import analyze
from pipeline.export.formats.packet_csv import guard
from pipeline.report.text import visible_name

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
NAMES = ("clinic_three_models", "library_repeats")
KEYS = [
    "row_id",
    "run_id",
    "run_index",
    "benchmark_name",
    "model_name",
    "turn",
    "failed_dimensions",
    "error_mode_candidate",
    "error_mode_rule",
    "error_mode_evidence",
    "error_mode_runner_up",
    "response_kind",
    "user_text",
    "assistant_text",
    "judge_reasoning",
    "scores",
    "tool_calls",
    "tool_results",
    "latency_ms",
    "ttfb_ms",
    "source",
    "golden_text",
    "expected_calls",
    "categories",
    "call_check",
    "error_mode_confidence",
]
OF_REFERENCE = KEYS[-5:-1]
AS_JSON = ("scores", "tool_calls", "tool_results")
COLUMNS = [f"{name}_json" if name in (*AS_JSON, "expected_calls", "call_check") else name for name in KEYS]
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
FORMULA = GUARDED[:-1]


def strict(text):
    """Read JSON as the standard has it: no NaN, no Infinity, no key twice."""

    def no_number(name):
        raise ValueError(name)

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text, parse_constant=no_number, object_pairs_hook=once)


def read_jsonl(folder):
    lines = (folder / "failure_review_rows.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    return [strict(line) for line in lines]


def read_csv(folder):
    with (folder / "failure_review_rows.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream, strict=True)
    assert header == COLUMNS
    assert {len(cells) for cells in rows} <= {len(COLUMNS)}
    return [dict(zip(header, cells, strict=True)) for cells in rows]


def guarded(text):
    return f"'{text}" if text.startswith(GUARDED) or is_formula(text) else text


def is_formula(text):
    """Whether the first character that is seen is, once normalised, a formula's sign."""
    seen = re.sub(r"^[\s\u2800]+", "", "".join(" " if is_unseen(char) else char for char in text))
    return unicodedata.normalize("NFKC", seen[:1]) in {"=", "+", "-", "@"} and seen[:1] not in SUPERSCRIPTS


def is_unseen(char):
    return (
        unicodedata.category(char) in {"Cc", "Cf", "Mn", "Zs", "Zl", "Zp"} or char in "\u115f\u1160\u2800\u3164\uffa0"
    )


SUPERSCRIPTS = "\u207a\u208a\u207b\u208b\u207c\u208c"


def unguarded(cell):
    return cell.removeprefix("'")


@pytest.fixture(scope="module", params=NAMES)
def sample(request, tmp_path_factory):
    """Give a sample's name and its analysis folder."""
    folder = tmp_path_factory.mktemp("packet") / "out"
    analyze(SAMPLES / request.param, output=folder)
    return request.param, folder


def test_one_object_per_failed_row_with_exactly_these_keys_in_order(sample):
    name, folder = sample
    packet = read_jsonl(folder)
    assert {found["row_id"] for found in packet} == failed_row_ids(listed_runs(SAMPLES / name))
    assert len({found["row_id"] for found in packet}) == len(packet)
    assert all(list(found) == KEYS for found in packet)


def test_rows_are_ordered_by_benchmark_model_run_and_turn(sample):
    _, folder = sample
    packet = read_jsonl(folder)
    order = [[found[key] for key in ("benchmark_name", "model_name", "run_id", "turn")] for found in packet]
    assert order == sorted(order)
    assert [cells["row_id"] for cells in read_csv(folder)] == [found["row_id"] for found in packet]


def test_the_source_line_is_the_very_row(sample):
    name, folder = sample
    for found in read_jsonl(folder):
        file, _, line = found["source"].rpartition(":")
        assert not file.startswith("/")
        assert "\\" not in file
        source = json.loads((SAMPLES / name / file).read_bytes().split(b"\n")[int(line) - 1])
        assert found["turn"] == source["turn"]
        assert found["row_id"] == f"{found['run_id']}:{source['turn']}"
        for key in ("user_text", "assistant_text", "judge_reasoning", "latency_ms", "ttfb_ms", *AS_JSON):
            assert found[key] == source[key]
        assert list(found["scores"]) == list(source["scores"])
        assert found["failed_dimensions"] == [n for n, score in source["scores"].items() if score is False]


def test_the_csv_holds_the_same_rows(sample):
    _, folder = sample
    for cells, found in zip(read_csv(folder), read_jsonl(folder), strict=True):
        assert unguarded(cells["failed_dimensions"]) == ",".join(found["failed_dimensions"])
        for key in AS_JSON:
            assert strict(unguarded(cells[f"{key}_json"])) == found[key]
        for key in ("run_index", "turn", "latency_ms", "ttfb_ms"):
            assert cells[key] == ("" if found[key] is None else str(found[key]))
        numbers = {"run_index", "turn", "latency_ms", "ttfb_ms"}
        for key in set(KEYS) - {*AS_JSON, "failed_dimensions", *numbers, *OF_REFERENCE}:
            assert cells[key] == guarded(found[key])


def test_the_csv_has_no_byte_order_mark(sample):
    _, folder = sample
    assert (folder / "failure_review_rows.csv").read_bytes().startswith(b'"row_id"') or (
        folder / "failure_review_rows.csv"
    ).read_bytes().startswith(b"row_id,")


def test_a_run_without_failures_leaves_an_empty_packet_with_its_header(tmp_path):
    analyze(run_dir=write_run(tmp_path / "b" / "r", [row(0)]), output=tmp_path / "out")
    assert read_jsonl(tmp_path / "out") == []
    assert read_csv(tmp_path / "out") == []


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text(
    st.sampled_from("=+-@\t\r\n'\",;a \u200b\ufeff\u00a0\u3164\uff1d\uff0b\uff0d\uff20\ufe66"), max_size=6
)


@given(st.lists(ANY_TEXT, min_size=1))
@example(["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "''", "'=1", "\n=1", '"=1', "a,b", 'a"b', "a\r\nb", ""])
def test_a_guarded_cell_is_no_formula_and_one_quote_taken_away_restores_it(texts):
    stream = io.BytesIO()
    arrow_csv.write_csv(pa.table({"text": guard(pa.array(texts, pa.large_string()))}), stream)
    header, *rows = csv.reader(io.StringIO(stream.getvalue().decode(), newline=""), strict=True)
    cells = [cells[0] if cells else "" for cells in rows]
    assert header == ["text"]
    for cell, text in zip(cells, texts, strict=True):
        assert not cell.startswith(FORMULA)
        assert not is_formula(cell)
        assert cell == guarded(text)


HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx", "'x", 'say "hi"\nthere,\r\nnow', "a\u2028b", "é𝄞"]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_column_is_guarded_and_restored(tmp_path, text):
    judged = row(
        0,
        {text: False, "plain": False},
        user_text=text,
        assistant_text=text,
        judge_reasoning=text,
        tool_calls=text,
        tool_results=[text],
    )
    runs = {(f"{text} b".replace("/", ""), text, "r"): [judged]} if text.isprintable() else {("b", text, "r"): [judged]}
    analyze(write_runs(tmp_path, runs), output=tmp_path / "out")
    (found,), (cells,) = read_jsonl(tmp_path / "out"), read_csv(tmp_path / "out")
    assert not any(cell.startswith(FORMULA) for cell in cells.values())
    for key in ("user_text", "assistant_text", "judge_reasoning"):
        assert found[key] == text
        assert cells[key] == guarded(text)
    assert found["tool_calls"] == text
    assert found["model_name"] == text
    assert strict(cells["tool_results_json"]) == [text]
    assert unguarded(cells["failed_dimensions"]) == f"{visible_name(text)},plain"


PAYLOADS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def test_payloads_come_out_as_they_came(tmp_path_factory):
    folder = tmp_path_factory.mktemp("payloads")

    @settings(max_examples=25)
    @given(st.lists(st.tuples(PAYLOADS, PAYLOADS), min_size=1, max_size=8))
    def check(payloads):
        rows = [failing(turn, tool_calls=calls, tool_results=results) for turn, (calls, results) in enumerate(payloads)]
        analyze(run_dir=write_run(folder / "b" / "r", rows), output=folder / "out")
        for found, cells, source in zip(read_jsonl(folder / "out"), read_csv(folder / "out"), rows, strict=True):
            for key in ("tool_calls", "tool_results"):
                assert found[key] == source[key]
                assert strict(unguarded(cells[f"{key}_json"])) == source[key]

    check()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(480, 480), (480.0, 480), (480.5, 480.5), (None, None), (0, 0), (1e20, 1e20), (-1, -1)],
)
@pytest.mark.parametrize("beside", [None, 1, 0.25])
def test_latencies_come_out_as_they_came(tmp_path, value, expected, beside):
    rows = [failing(0, latency_ms=value), failing(1, latency_ms=beside)]
    analyze(run_dir=write_run(tmp_path / "b" / "r", rows), output=tmp_path / "out")
    found, _ = read_jsonl(tmp_path / "out")
    cells, _ = read_csv(tmp_path / "out")
    assert found["latency_ms"] == expected
    assert (float(cells["latency_ms"]) if cells["latency_ms"] else None) == expected


def test_what_no_json_can_hold_comes_out_as_null_or_u_fffd_and_is_noted(tmp_path):
    line = (
        b'{"turn": 0, "user_text": "a\\ud800b", "latency_ms": NaN, "scores": {"x": false}, '
        b'"tool_calls": [{"name": "f", "args": {"n": Infinity, "big": 1e999, "s": "\\udfff"}}]}'
    )
    analysis = analyze(run_dir=write_run(tmp_path / "b" / "r", [line]), output=tmp_path / "out")
    (found,) = read_jsonl(tmp_path / "out")
    assert found["user_text"] == "a\ufffdb"
    assert found["latency_ms"] is None
    assert found["tool_calls"] == [{"name": "f", "args": {"n": None, "big": None, "s": "\ufffd"}}]
    assert {note.where for note in analysis.notes if note.severity == "info"} == {"r/openai_judged.jsonl:1"}
