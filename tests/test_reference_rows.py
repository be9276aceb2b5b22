"""The reference beside every row: packet, tables, report, page, review, the digest, and failures by category."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from builders import failing, row, write_comparison, write_lines, write_run
from pages import serving

from pipeline import analyze
from pipeline.errors import InputError, UsageError
from pipeline.export.reading import read_back

SUCCESS = [{"name": "book", "response": {"status": "success"}}]


def call(**args):
    return [{"name": "book", "args": args}]


REFERENCE = [
    {"input": "question 0", "golden_text": "Hi.", "categories": ["qa"]},
    {
        "input": "question 1",
        "golden_text": "Booked for Friday.",
        "required_function_call": {"name": "book", "args": {"day": "Friday"}},
        "function_call_response": {"status": "success"},
        "categories": ["tool", "memory"],
    },
    {"input": "question 2", "required_function_call": {"name": "book", "args": {}}, "categories": ["tool"]},
]
ROWS = [
    row(0),
    failing(1, tool_calls=call(day="friday"), tool_results=SUCCESS),
    row(2, assistant_text="I could not book that.", tool_results=SUCCESS),
]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "runs" / "bench" / "run-1", ROWS)


@pytest.fixture
def reference(tmp_path):
    return write_lines(tmp_path / "reference.jsonl", REFERENCE)


def packet(folder):
    return [json.loads(line) for line in (folder / "failure_review_rows.jsonl").read_text().splitlines()]


def numbers(folder):
    return json.loads((folder / "analysis.json").read_text())


def test_the_reference_stands_beside_every_row_of_packet_and_table(run, reference, tmp_path):
    folder = tmp_path / "out"
    analysis = analyze(run_dir=run, reference=reference, output=folder)
    (found,) = packet(folder)
    assert found["golden_text"] == "Booked for Friday."
    assert found["expected_calls"] == [
        {"name": "book", "args": {"day": "Friday"}, "response": {"status": "success"}},
    ]
    assert found["categories"] == ["tool", "memory"]
    difference = {"name": "day", "expected": "Friday", "actual": "friday", "difference": "format"}
    assert found["call_check"] == [{"name": "book", "status": "made", "arguments": [difference]}]
    turns = pd.read_parquet(folder / "tables" / "turns.parquet")
    assert turns["golden_text"].tolist() == ["Hi.", "Booked for Friday.", ""]
    assert turns["call_check"][0] == "[]"
    assert json.loads(turns["call_check"][2])[0]["status"] == "missing"
    assert analysis.turns["golden_text"].tolist() == turns["golden_text"].tolist()
    header = (folder / "failure_review_rows.csv").read_text().splitlines()[0].replace('"', "")
    assert header.endswith("golden_text,expected_calls_json,categories,call_check_json,error_mode_confidence")


def test_the_reference_is_named_with_its_digest(run, reference, tmp_path):
    analyze(run_dir=run, reference=reference, output=tmp_path / "out")
    given = numbers(tmp_path / "out")["references"]["bench"]
    assert given["turns"] == 3
    assert given["source"].endswith("reference.jsonl")
    assert len(given["sha256"]) == 64


def test_without_a_reference_the_columns_are_null_and_no_file_or_key_is_added(run, tmp_path):
    analyze(run_dir=run, output=tmp_path / "out")
    (found,) = packet(tmp_path / "out")
    assert [found[name] for name in ("golden_text", "expected_calls", "categories", "call_check")] == [None] * 4
    assert not {"references", "turn_metadata"} & numbers(tmp_path / "out").keys()
    names = {path.stem for path in (tmp_path / "out" / "tables").iterdir()}
    assert not {"turn_metadata", "category_counts"} & names


def test_rows_whose_verdict_may_be_wrong_are_listed(run, reference, tmp_path):
    analysis = analyze(run_dir=run, reference=reference, output=tmp_path / "out")
    reasons = dict(zip(analysis.verdict_candidates["turn"], analysis.verdict_candidates["reason"], strict=True))
    assert reasons == {
        1: "failed, but every expected call was made and arguments differ in format only",
        2: "passed, but an expected call is missing",
    }
    assert "## Candidates for a wrong verdict" in (tmp_path / "out" / "deep_error_analysis.md").read_text()


@pytest.mark.parametrize(
    ("text", "result", "doubtful"),
    [
        ("I've booked it.", {"status": "error"}, True),
        ("Sorry, that did not work.", {"status": "error"}, False),
        ("I've booked it.", {"status": "success"}, False),
        ("Sorry, I wasn't able to book that.", {"result": {"status": "success"}}, True),
    ],
)
def test_a_passed_row_whose_text_contradicts_its_tool_result_is_a_candidate(tmp_path, text, result, doubtful):
    rows = [row(0, assistant_text=text, tool_results=[{"name": "book", "response": result}])]
    analysis = analyze(run_dir=write_run(tmp_path / "b" / "r", rows))
    assert (len(analysis.verdict_candidates) == 1) == doubtful


def test_a_reference_is_found_in_benchmarks_beside_runs_and_named_in_a_note(run, tmp_path):
    folder = tmp_path / "benchmarks" / "bench"
    folder.mkdir(parents=True)
    (folder / "turns.py").write_text(f"turns = {REFERENCE!r}\n")
    analysis = analyze(run_dir=run)
    assert analysis.turns["golden_text"].tolist()[1] == "Booked for Friday."
    (note,) = [note for note in analysis.notes if "reference" in note.what]
    assert note.severity == "info"
    (folder / "turns.py").write_text("turns = make()\n")
    analysis = analyze(run_dir=run)
    (note,) = [note for note in analysis.notes if "reference" in note.what]
    assert note.severity == "warning"
    assert "python -c" in note.what
    assert analysis.turns["golden_text"].isna().all()
    with pytest.raises(InputError):
        analyze(run_dir=run, reference=folder)


def test_references_of_several_benchmarks_are_named_by_benchmark(run, reference, tmp_path):
    other = write_run(tmp_path / "runs" / "other" / "run-2", ROWS)
    analysis = analyze(run_dir=[run, other], reference=f"other={reference}")
    golden = analysis.turns.groupby("benchmark_name", observed=True)["golden_text"].count().to_dict()
    assert golden == {"bench": 0, "other": 3}
    for value, problem in (
        (str(reference), "for which benchmark"),
        (f"third={reference}", "no benchmark 'third'"),
        ([f"other={reference}"] * 2, "two references"),
    ):
        with pytest.raises(UsageError, match=problem):
            analyze(run_dir=[run, other], reference=value)


def test_user_text_that_is_not_the_references_is_noted_once_per_run(run, tmp_path):
    def severities(*inputs):
        lines = [{"input": text} for text in inputs]
        analysis = analyze(run_dir=run, reference=write_lines(tmp_path / "ref.jsonl", lines))
        return [note.severity for note in analysis.notes if "differs from the input" in note.what]

    assert severities("question 0", "question  1 ", "question 2") == []
    assert severities("question 0", "other", "question 2") == ["info"]
    assert severities("other", "another", "question 2") == ["warning"]


def test_an_unreadable_reference_named_by_the_option_is_exit_2(cli, run, tmp_path):
    done = cli("analyze", "--run-dir", run, "--reference", tmp_path / "none.jsonl", "--output", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def review(cli, folder, *arguments):
    return cli("review", *arguments[:1], folder, *arguments[1:], "--reviewer", "ann", "--reviewer-kind", "human")


def decide(cli, folder):
    assert review(cli, folder, "show", "run-1:1").returncode == 0
    done = review(cli, folder, "record", "run-1:1", "--bucket", "other", "--attribution", "model")
    assert done.returncode == 0, done.stderr


def test_review_shows_the_reference_and_the_checked_calls(cli, run, reference, tmp_path):
    folder = tmp_path / "out"
    analyze(run_dir=run, reference=reference, output=folder)
    shown = review(cli, folder, "show", "run-1:1").stdout
    assert "reference: Booked for Friday." in shown
    assert 'call book: made: day: expected "Friday", got "friday", only the format differs' in shown
    (found,) = json.loads(review(cli, folder, "next", "--json").stdout)["rows"]
    assert found["reference"]["categories"] == ["tool", "memory"]
    assert found["call_check"][0]["status"] == "made"


def test_the_review_page_shows_the_reference_and_a_table_of_the_checked_calls(run, reference, tmp_path):
    analyze(run_dir=run, reference=reference, output=tmp_path / "out")
    with serving(tmp_path / "out") as server:
        status, _, text = server.ask("GET", "/row?id=run-1%3A1")
    assert status == 200
    assert "Booked for Friday." in text
    assert "Calls checked against the expected ones" in text
    assert "<td>made</td>" in text
    assert "only the format differs" in text


def test_a_decision_stays_valid_when_a_reference_is_added_and_is_stale_when_it_changes(cli, run, reference, tmp_path):
    folder = tmp_path / "out"

    def states(**options):
        return analyze(run_dir=run, output=folder, **options).reviews["review_state"].tolist()

    assert states() == ["unopened"]
    decide(cli, folder)
    assert states() == ["decided"]
    assert states(reference=reference) == ["decided"]
    assert read_back(folder).reviews["review_state"].tolist() == ["decided"]
    decide(cli, folder)
    assert states(reference=reference) == ["decided"]
    write_lines(reference, [*REFERENCE[:1], REFERENCE[1] | {"golden_text": "Other."}, REFERENCE[2]])
    assert states(reference=reference) == ["decided"]  # the first decision, made without a reference, still fits


def test_a_decision_made_with_a_reference_is_stale_when_the_reference_changes(cli, run, reference, tmp_path):
    folder = tmp_path / "out"
    analyze(run_dir=run, reference=reference, output=folder)
    decide(cli, folder)
    write_lines(reference, [*REFERENCE[:1], REFERENCE[1] | {"golden_text": "Other."}, REFERENCE[2]])
    analysis = analyze(run_dir=run, reference=reference, output=folder)
    assert analysis.reviews["review_state"].tolist() == ["stale"]


def test_report_rebuilds_and_verifies_with_the_same_reference_and_metadata(cli, run, reference, tmp_path):
    folder, file = tmp_path / "out", tmp_path / "meta.csv"
    file.write_text("turn,hard\n0,no\n1,yes\n2,yes\n")
    done = cli(
        "analyze", "--run-dir", run, "--reference", reference, "--turn-metadata", file, "--output", folder, "--json"
    )
    before = (folder / "analysis.json").read_bytes()
    assert json.loads(done.stdout)["turn_metadata"]["turns"] == 3
    assert cli("report", folder, "--verify").returncode == 0
    assert cli("report", folder).returncode == 0
    assert (folder / "analysis.json").read_bytes() == before
    report = (folder / "deep_error_analysis.md").read_text()
    assert "## Failures by category and model" in report
    assert "Booked for Friday." in report
    assert "calls checked: book made" in report
    page = (folder / "deep_error_analysis.html").read_text()
    assert '"expected":{"bench"' in page
    assert '"checks":' in page


def test_failures_by_category_count_judged_rows_of_each_model(tmp_path, reference):
    a = write_run(tmp_path / "b" / "run-a", [row(0), failing(1), row(2)])
    b = write_run(tmp_path / "b" / "run-b", [failing(1), row(2, {"x": None})])
    runs = write_comparison(tmp_path / "cmp", [{"run_dir": a, "model_name": "A"}, {"run_dir": b, "model_name": "B"}])
    analysis = analyze(runs, reference=reference, output=tmp_path / "out")
    counts = analysis.category_counts
    found = {(row.model_name, row.value): (row.failed_rows, row.rows_judged) for row in counts.itertuples(index=False)}
    assert found == {
        ("A", "qa"): (0, 1),
        ("A", "tool"): (1, 2),
        ("A", "memory"): (1, 1),
        ("B", "qa"): (0, 0),
        ("B", "tool"): (1, 1),
        ("B", "memory"): (1, 1),
    }
    assert "not measured" in (tmp_path / "out" / "deep_error_analysis.md").read_text()
    metadata = pd.read_parquet(tmp_path / "out" / "tables" / "turn_metadata.parquet")
    assert list(metadata) == ["benchmark_name", "turn", "column", "value"]
    again = read_back(tmp_path / "out")
    assert again.category_counts.astype("str").equals(counts.astype("str"))


@pytest.mark.parametrize("name", ["meta.csv", "meta.jsonl"])
def test_any_column_of_turn_metadata_is_counted(run, tmp_path, name):
    file = tmp_path / name
    if name == "meta.csv":
        file.write_text("\ufeffturn,topic,level\r\n0,hours,1\r\n1,booking,2\r\n2,booking,\r\n", encoding="utf-8")
    else:
        write_lines(
            file,
            [
                {"turn": 0, "topic": "hours", "level": 1},
                {"turn": 1, "topic": ["booking"], "level": 2},
                {"turn": 2, "topic": "booking", "level": None},
            ],
        )
    counts = analyze(run_dir=run, turn_metadata=file).category_counts
    found = {(row.column, row.value): (row.failed_rows, row.rows_judged) for row in counts.itertuples(index=False)}
    assert found == {
        ("topic", "hours"): (0, 1),
        ("topic", "booking"): (1, 2),
        ("level", "1"): (0, 1),
        ("level", "2"): (1, 1),
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a,b\n1,2\n", "no column turn"),
        ("turn\n1\n", "no column beside turn"),
        ("turn,a\nx,1\n", "turn is 'x'"),
        ("turn,a\n1,1\n1,2\n", "a second time"),
        ('turn,a\n1,"1\n', "not CSV"),
    ],
)
def test_what_is_wrong_with_turn_metadata_is_named(run, tmp_path, text, what):
    (tmp_path / "meta.csv").write_text(text)
    with pytest.raises(InputError, match=what):
        analyze(run_dir=run, turn_metadata=tmp_path / "meta.csv")
