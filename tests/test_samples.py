"""The samples: what their labels say of them, and the whole report of each."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from builders import failing, row
from markdown_it import MarkdownIt
from recount import failed_row_ids, judged_rows, listed_runs, recount, write_runs

from pipeline import analyze
from pipeline.export.formats.markdown import render
from pipeline.report.blocks import Report, Table
from pipeline.report.rows import AnalysisRows
from pipeline.report.rule_accuracy import accuracy_sentence
from pipeline.report.sections import (
    artifact_notes,
    build_report,
    datapoints,
    dimensions,
    error_modes,
    models,
    run_set,
    shared_turns,
    top_line,
)
from pipeline.report.summary import summarise

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "data_samples" / "comparisons"
NAMES = ("clinic_three_models", "library_repeats")
MODES = {
    "premature_end_session",
    "empty_response",
    "partial_multi_tool_execution",
    "state_memory_failure",
    "ambiguity_handling_failure",
    "knowledge_grounding_error",
    "tool_or_action_selection_error",
    "other",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_labels_are_of_exactly_the_failed_rows(name):
    with (HERE / "data" / "sample_modes" / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        labels = list(csv.DictReader(stream))
    assert list(labels[0]) == ["row_id", "mode", "why"]
    assert {label["mode"] for label in labels} <= MODES
    assert all(label["why"] for label in labels)
    row_ids = [label["row_id"] for label in labels]
    assert len(row_ids) == len(set(row_ids))
    assert set(row_ids) == failed_row_ids(listed_runs(SAMPLES / name))


@pytest.mark.parametrize(
    ("name", "runs", "rows", "failed"), [("clinic_three_models", 3, 89, 33), ("library_repeats", 6, 119, 44)]
)
def test_the_samples_have_these_rows(name, runs, rows, failed):
    listed = listed_runs(SAMPLES / name)
    assert len(listed) == runs
    assert sum(len(judged_rows(run)) for run in listed) == rows
    counts = [m for b in recount(listed).values() for m in b["models"].values()]
    assert sum(model["failed_rows"] for model in counts) == failed
    assert sum(model["rows_judged"] + model["incomplete_rows"] for model in counts) == rows


# --- The whole report of each sample ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(name, by) for name in NAMES for by in ("model", "run")], ids="-".join)
def analysed(request, tmp_path_factory):
    """Give the analysis of a sample, its folder, and what is compared."""
    name, compare_by = request.param
    folder = tmp_path_factory.mktemp("samples") / "out"
    return analyze(SAMPLES / name, output=folder, compare_by=compare_by), folder, compare_by


def headings(report, level):
    return re.findall(rf"^#{{{level}}} (.+)$", report, flags=re.MULTILINE)


def report_of(folder):
    return (folder / "deep_error_analysis.md").read_text(encoding="utf-8")


def test_the_report_has_its_sections_in_order(analysed):
    analysis, folder, compare_by = analysed
    report = report_of(folder)
    assert headings(report, 1) == [f"Deep error analysis: {analysis.name}"]
    assert headings(report, 2) == [
        "In short",
        "Causes to fix first",
        "Top line",
        "Shared hard turns",
        f"Each {compare_by}",
        f"Provisional error modes by {compare_by}",
        "Review",
        *([f"Signs of a broken response by {compare_by}"] if analysis.signs["rows"].any() else []),
        f"Failed dimensions by {compare_by}",
        "Run set",
        "Pipeline losses",
        "Artifact notes",
        "Definitions",
    ]
    (benchmark,) = analysis.benchmarks
    own = report.partition(f"## Each {compare_by}")[2].partition("\n## ")[0]
    assert headings(own, 3) == list(analysis.models(benchmark))


def test_the_report_is_stamped_provisional_with_its_count(analysed):
    analysis, folder, _ = analysed
    failed = len(analysis.packet)
    assert analysis.stamp.startswith(f"PROVISIONAL (0 of {failed} failed rows reviewed")
    assert f"**Status: {analysis.stamp}**" in report_of(folder)
    assert json.loads((folder / "analysis.json").read_bytes())["status"] == "provisional"


def test_every_row_that_the_report_shows_is_in_the_packet(analysed):
    _, folder, _ = analysed
    with (folder / "failure_review_rows.csv").open(newline="", encoding="utf-8") as stream:
        packet = {cells["row_id"]: cells for cells in csv.DictReader(stream)}
    shown = re.findall(r"\*\*Turn (\d+)\*\*, row `([^`]+)`", report_of(folder))
    assert len(shown) > 10
    for turn, row_id in shown:
        assert packet[row_id]["turn"] == turn
    for row_id in re.findall(r"`([^`\s]+:\d+)`", report_of(folder)):
        assert row_id in packet or row_id.partition(":")[0].endswith((".jsonl", ".csv"))


def test_every_rate_is_its_counts(analysed):
    _, folder, _ = analysed
    rates = re.findall(r"(\d+)/(\d+), ([\d.]+%)", report_of(folder))
    assert len(rates) > 20
    for part, whole, percent in rates:
        assert percent == f"{int(part) / int(whole):.1%}"
        assert int(part) <= int(whole)
    without_counts = re.sub(r"\d+/\d+, [\d.]+%", "", report_of(folder).partition("## Each ")[0])
    without_counts = without_counts.replace(accuracy_sentence("built-in"), "")
    assert not re.search(r"\d%", without_counts)


def test_what_was_never_scored_is_not_measured(tmp_path):
    runs = {
        ("b", "m", "r1"): [failing(0), row(1, {"kb_grounding": None})],
        ("b", "n", "r2"): [row(0, {"kb_grounding": None}), row(1, {"kb_grounding": None})],
    }
    analysis = analyze(write_runs(tmp_path, runs))
    (counts,) = (block for block in dimensions.SECTION.build(AnalysisRows(analysis)) if isinstance(block, Table))
    assert counts.header == ("model", "tool_use_correct", "kb_grounding")
    words = [[getattr(cell, "text", cell) for cell in line] for line in counts.rows]
    assert words == [["m", "1/1, 100.0%", "not measured"], ["n", "not measured", "not measured"]]
    assert not re.search(r"\b0/0\b|\bnan\b", render(build_report(analysis)).decode())


def test_a_model_shows_each_major_mode_with_datapoints_and_its_turn_sets(analysed):
    analysis, folder, compare_by = analysed
    own = report_of(folder).partition(f"## Each {compare_by}")[2].partition("\n## ")[0]
    parts = re.split(r"^### .+$", own, flags=re.MULTILINE)[1:]
    (benchmark,) = analysis.benchmarks
    packet = analysis.packet.to_dict("records")
    for part, model in zip(parts, analysis.models(benchmark), strict=True):
        sizes = Counter(
            found["error_mode_candidate"]
            for found in packet
            if found["run_id" if compare_by == "run" else "model_name"] == model
            and found["response_kind"] != "model_ended_session_early"
        )
        third = min(n for _, n in sizes.most_common(3))
        majors = {mode for mode, n in sizes.items() if n >= third or 10 * n >= sizes.total()}
        assert set(re.findall(r"^#### .* \(`(\w+)`\)", part, flags=re.MULTILINE)) == majors
        assert len(re.findall(r"\*\*Turn \d+\*\*", part)) >= len(majors)
        assert "**Fails alone" in part
        assert "**Passes alone" in part


def test_the_report_is_one_document_without_raw_html(analysed):
    _, folder, _ = analysed
    tokens = MarkdownIt("commonmark").enable("table").parse(report_of(folder))
    raw = [token.content for token in tokens if token.type == "html_block"]
    assert raw == [report_of(folder).splitlines()[-1] + "\n"]  # the digest line alone
    inline = [child for token in tokens for child in token.children or ()]
    assert not {child.type for child in inline} & {"html_inline", "link_open", "image"}


def test_what_the_report_sets_in_bold_is_bold(analysed):
    _, folder, _ = analysed
    tokens = MarkdownIt("commonmark").enable("table").parse(report_of(folder))
    own = [token for token in tokens if token.level == 1]  # not what the rows say, which lies deeper, in quotes
    texts = [child.content for token in own for child in token.children or () if child.type == "text"]
    assert any("Status" in text for text in texts)
    assert not [text for text in texts if "**" in text]


def test_the_summary_names_the_hard_turns_that_at_least_two_fail(analysed):
    analysis, _, compare_by = analysed
    (counts,) = recount(listed_runs(SAMPLES / analysis.name), compare_by).values()
    shown = re.findall(r"^ +turn (\d+) \((\d+)/(\d+), (\d+)/(\d+)\)", summarise(analysis), flags=re.MULTILINE)
    ranked = [
        (-int(failing) / int(models), -int(failed) / int(judged), int(turn))
        for turn, failing, models, failed, judged in shown
    ]
    assert ranked
    assert ranked == sorted(ranked)
    assert all(int(failing) >= 2 for _, failing, *_ in shown)
    assert {int(models) for _, _, models, *_ in shown} == {len(counts["models"])}
    assert set(counts["failed_by_all"][:10]) <= {turn for *_, turn in ranked}


# --- Small parts, as they look ---------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path):
    """Two models, one with two runs, with one of everything that the report may have to show."""
    ended = failing(3, assistant_text="[MODEL_ENDED_SESSION]", judge_reasoning="It hung up.")
    early = failing(4, assistant_text="[MODEL_ENDED_SESSION_EARLY]", judge_reasoning="Nothing followed.")
    runs = {
        ("bench", "heron", "heron_1"): [
            row(0),
            failing(1, judge_reasoning="The call to book_slot is missing.", tool_calls=[{"name": "look_up"}]),
            row(2, {"kb_grounding": False}, judge_reasoning="A fee of 5 | 10 *euros* was invented."),
            ended,
            early,
        ],
        ("bench", "heron", "heron_2"): [row(0), row(1), row(2, {"kb_grounding": True}), row(3)],
        ("bench", "wren", "wren_1"): [row(0), failing(1, judge_reasoning=""), row(2, {"kb_grounding": None})],
    }
    return analyze(write_runs(tmp_path, runs))


def as_markdown(*blocks):
    text = render(Report("t", "s", tuple(blocks))).decode()
    return text.partition("**Status: s**\n\n")[2].rpartition("<!--")[0]


@pytest.mark.parametrize(
    "section",
    [run_set, artifact_notes, top_line, dimensions, error_modes, shared_turns],
    ids=lambda section: section.__name__.rpartition(".")[2],
)
def test_a_section_of_a_tiny_comparison(tiny, section, snapshot):
    assert as_markdown(*section.SECTION.build(AnalysisRows(tiny))) == snapshot


def test_a_datapoint(tiny, snapshot):
    (found,) = tiny.turns.query("row_id == 'heron_1:2'").itertuples()
    assert as_markdown(datapoints.datapoint(found, ("b", "m"))) == snapshot


def test_a_model_with_one_failure(tiny, snapshot):
    text = as_markdown(*models.SECTION.build(AnalysisRows(tiny)))
    assert text[text.index("### wren") :] == snapshot
