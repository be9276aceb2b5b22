"""`export --format xlsx`: the workbook is written by the real command and read back by openpyxl."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from builders import failing, row, write_run
from hypothesis import given
from hypothesis import strategies as st

from pipeline import analyze
from pipeline.export.formats import xlsx
from pipeline.export.formats.xlsx import CELL_LIMIT, Sheet, fitted
from pipeline.export.workbook import is_ours, to_bytes

DATA = Path(__file__).parent.parent / "data_samples"
CLINIC = DATA / "comparisons" / "clinic_three_models"
LEDGER = DATA / "reviews" / "clinic_three_models" / "reviews.jsonl"
SHEETS = ["Summary", "Models", "Causes", "Error modes", "Failed rows", "Turn outcomes", "Reviews"]


def export(*arguments, before="", **options):
    """Run the real command; `before` is run first in its process."""
    code = f"import sys\n{before}\nfrom pipeline.cli.main import run; sys.exit(run(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "export", *map(str, arguments), "--format", "xlsx"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, **options)
    assert "Traceback" not in done.stderr
    return done


def read(path):
    """Give each sheet as its header and its rows, as dictionaries."""
    tables = {}
    for page in openpyxl.load_workbook(path):
        header, *rows = page.iter_rows(values_only=True)
        tables[page.title] = [dict(zip(header, row, strict=True)) for row in rows]
    return tables


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviewed") / "a"
    folder.mkdir()
    shutil.copy(LEDGER, folder)
    analyze(CLINIC, output=folder)
    assert export(folder).returncode == 0
    return folder


@pytest.fixture
def folder(reviewed, tmp_path):
    return shutil.copytree(reviewed, tmp_path / "a")


def test_the_workbook_holds_the_tables_of_the_analysis(reviewed):
    tables = read(reviewed / "error_analysis.xlsx")
    assert list(tables) == SHEETS
    numbers = json.loads((reviewed / "analysis.json").read_bytes())
    (benchmark,) = numbers["benchmarks"].values()
    facts = {each["what"]: each["value"] for each in tables["Summary"]}
    assert facts["Status"].startswith("FINAL (33 of 33 failed rows reviewed")
    assert (facts["Judged rows"], facts["Failed rows"]) == (88, 33)
    assert {each["model_name"]: each["failed_rows"] for each in tables["Models"]} == {
        model: counts["failed_rows"] for model, counts in benchmark["models"].items()
    }
    for each in tables["Causes"]:
        counts = benchmark["models"][each["model_name"]]
        assert each["share"] == pytest.approx(each["failed_rows"] / counts["failed_rows"])
    packet = [json.loads(line) for line in (reviewed / "failure_review_rows.jsonl").read_text().splitlines()]
    rows = tables["Failed rows"]
    assert [each["row_id"] for each in rows] == [each["row_id"] for each in packet]
    for name in ("user_text", "error_mode_rule", "turn", "source"):
        assert [each[name] for each in rows] == [each[name] for each in packet]
    assert len(tables["Turn outcomes"]) == 90
    assert {each["review_state"] for each in tables["Reviews"]} == {"decided"}
    assert len(tables["Reviews"]) == 33


def test_every_sheet_has_a_frozen_bold_header_widths_and_no_formula(reviewed):
    for page in openpyxl.load_workbook(reviewed / "error_analysis.xlsx"):
        assert page.freeze_panes == "A2"
        assert all(cell.font.bold for cell in page[1])
        assert all(8 <= page.column_dimensions[cell.column_letter].width <= 60 for cell in page[1])
        assert {cell.data_type for cells in page.iter_rows() for cell in cells} <= {"s", "n", "b"}
    assert page.title == "Reviews"
    models = openpyxl.load_workbook(reviewed / "error_analysis.xlsx")["Models"]
    assert [cell.number_format for cell in models[2] if models.cell(1, cell.column).value == "fail_rate"] == ["0.0%"]


def test_untrusted_texts_are_shown_as_they_are_and_never_calculated(tmp_path):
    nasty = ["=1+1", "+1", "-1", "@x", "\t=1", "'quoted", "\uff1d1", "#N/A", "_x0041_", "\x00\x1b\u202e\uffff", "1e5"]
    rows = [failing(turn, assistant_text=text) for turn, text in enumerate(nasty)]
    run = write_run(tmp_path / "in" / "bench" / "run_a", rows)
    analyze(run_dir=run, output=tmp_path / "out")
    assert export(tmp_path / "out").returncode == 0
    page = openpyxl.load_workbook(tmp_path / "out" / "error_analysis.xlsx")["Failed rows"]
    column = [cell.value for cell in page[1]].index("assistant_text") + 1
    cells = [page.cell(number, column) for number in range(2, len(nasty) + 2)]
    assert {cell.data_type for cell in cells} == {"s"}
    guarded = [f"'{text}" for text in nasty[:7]]
    assert [cell.value for cell in cells] == [
        *guarded,
        "#N/A",
        "_x005F_x0041_",
        "\\u0000\\u001b\\u202e\\uffff",
        "1e5",
    ]


def test_a_text_too_long_for_a_cell_is_cut_and_that_is_said(tmp_path):
    rows = [failing(0, assistant_text="a" * CELL_LIMIT), failing(1, assistant_text="\U0001f600" * 20_000), row(2)]
    analyze(run_dir=write_run(tmp_path / "in" / "bench" / "run_a", rows), output=tmp_path / "out")
    done = export(tmp_path / "out")
    assert "1 text cut" in done.stdout
    tables = read(tmp_path / "out" / "error_analysis.xlsx")
    whole, cut = (each["assistant_text"] for each in tables["Failed rows"])
    assert whole == "a" * CELL_LIMIT
    assert cut.endswith("… (cut, 20000 characters in all)")
    assert len(cut.encode("utf-16-le")) // 2 <= CELL_LIMIT
    facts = {each["what"]: each["value"] for each in tables["Summary"]}
    assert facts["Failed rows: texts cut"].startswith("1;")


@given(st.text(), st.integers(0, 40_000))
def test_any_text_fits_in_a_cell(text, times):
    found = fitted(text + "x\U0001f600"[: 1 + times % 2] * times)
    assert len(found.encode("utf-16-le", errors="surrogatepass")) // 2 <= CELL_LIMIT
    assert "\uffff" not in found


def test_rows_beyond_what_a_sheet_holds_are_left_out_and_counted(tmp_path, monkeypatch, cli):
    run = write_run(tmp_path / "in" / "bench" / "run_a", [failing(turn) for turn in range(20)])
    analyze(run_dir=run, output=tmp_path / "out")
    monkeypatch.setattr(xlsx, "MOST_ROWS", 12)
    done = cli("export", "out", "--format", "xlsx", "--json")
    assert json.loads(done.stdout)["rows_left_out"] == 24  # 8 failed rows, 8 turns, 8 reviews
    assert len(read(tmp_path / "out" / "error_analysis.xlsx")["Failed rows"]) == 12


def test_the_same_analysis_gives_the_same_bytes_and_replaces_its_own(folder):
    before = (folder / "error_analysis.xlsx").read_bytes()
    assert is_ours(before)
    assert export(folder).returncode == 0
    assert (folder / "error_analysis.xlsx").read_bytes() == before


def test_an_edited_workbook_is_not_overwritten(folder):
    path = folder / "error_analysis.xlsx"
    book = openpyxl.load_workbook(path)
    book["Summary"]["B2"] = "my analysis"
    book.save(path)
    before = path.read_bytes()
    done = export(folder)
    assert done.returncode == 2
    assert "was edited since" in done.stderr
    assert path.read_bytes() == before
    path.write_bytes(b"no workbook")
    assert export(folder).returncode == 2
    assert path.read_bytes() == b"no workbook"


def test_output_names_a_folder_or_the_file(folder, tmp_path):
    for given_path, made in (("some/where", "some/where/error_analysis.xlsx"), ("mine/x.xlsx", "mine/x.xlsx")):
        done = export(folder, "--output", given_path, cwd=tmp_path)
        assert done.stdout.strip() == made
        assert list(read(tmp_path / made)) == SHEETS


def test_an_input_folder_is_refused(folder):
    done = export(folder, "--output", CLINIC)
    assert done.returncode == 2
    assert "input folder" in done.stderr


def test_without_openpyxl_the_extra_is_named(folder):
    done = export(folder, before="sys.modules['openpyxl'] = None")
    assert done.returncode == 2
    assert "model-run-error-analysis[xlsx]" in done.stderr
    assert done.stdout == ""


def test_an_analysis_needs_no_openpyxl(tmp_path):
    code = "import sys; sys.modules['openpyxl'] = None; from pipeline import analyze; analyze(sys.argv[1], output='o')"
    subprocess.run([sys.executable, "-c", code, str(CLINIC)], cwd=tmp_path, check=True)


def test_a_workbook_of_nothing_has_its_headers():
    assert is_ours(to_bytes([Sheet("Empty", {"a": [], "b": []})]))
