"""Tentative labels: counted apart, shown as such in every output, and read first."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from builders import failing, row, write_comparison, write_run
from pages import serving

from pipeline.ledger.codebook import MODES, tentative_label
from pipeline.report import rule_accuracy

CLINIC = Path(__file__).parents[1] / "data_samples" / "comparisons" / "clinic_three_models"
ANN = ("--reviewer", "ann", "--reviewer-kind", "human")
TENTATIVE, FIRM = "tentative", "firm"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """Give the folder of an analysis of the clinic sample, made by a process of its own, and what that printed."""
    return analysed(tmp_path_factory.mktemp("clinic"), "--comparison-dir", CLINIC)


def analysed(folder, *options):
    done = command("analyze", *options, "--output", folder / "out")
    return folder / "out", done


def command(*arguments):
    words = [sys.executable, "-m", "pipeline", *map(os.fspath, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def packet_of(folder):
    return [json.loads(line) for line in (folder / "failure_review_rows.jsonl").read_text().splitlines()]


def report_of(folder):
    return (folder / "deep_error_analysis.md").read_text()


# --- Counted apart -------------------------------------------------------------------------------------------


def test_analysis_json_and_the_tables_count_the_tentative_labels_of_the_packet(clinic):
    folder, _ = clinic
    packet = packet_of(folder)
    by_model = Counter(each["model_name"] for each in packet if each["error_mode_confidence"] == TENTATIVE)
    (benchmark,) = json.loads((folder / "analysis.json").read_bytes())["benchmarks"].values()
    assert {model: of["tentative"] for model, of in benchmark["models"].items()} == by_model
    assert 0 < by_model.total() < len(packet)
    by_mode = Counter(
        (each["model_name"], each["error_mode_candidate"])
        for each in packet
        if each["error_mode_confidence"] == TENTATIVE
    )
    table = pd.read_parquet(folder / "tables" / "error_mode_counts.parquet")
    found = {(each.model_name, each.error_mode): each.tentative for each in table.itertuples()}
    assert Counter(found) == by_mode
    assert (table["tentative"] <= table["failed_rows"]).all()


def test_the_report_s_table_and_the_summary_count_them_apart(clinic):
    folder, summary = clinic
    packet = packet_of(folder)
    report = report_of(folder).partition("## Provisional error modes")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines() if line.startswith("| ")]
    models = lines[0][1:]
    shown = {
        (model, line[0]): tuple(
            int(number or 0) for number in re.match(r"(\d+)/.*?(?:\((\d+) tentative\))?$", of).groups()
        )
        for line in lines[1:]
        for model, of in zip(models, line[1:], strict=True)
    }
    for (model, mode), numbers in shown.items():
        of_mode = [each for each in packet if (each["model_name"], each["error_mode_candidate"]) == (model, mode)]
        assert numbers == (len(of_mode), sum(each["error_mode_confidence"] == TENTATIVE for each in of_mode))
        if numbers[1] and f"{mode} {numbers[0]}/" in summary:
            assert re.search(rf"{mode} {numbers[0]}/\d+, [\d.]+% \({numbers[1]} tentative\)", summary)
    total = sum(number for _, number in shown.values())
    assert f"Of {len(packet)} labels, {total} are tentative." in report
    assert f"of these {len(packet)}, {total} tentative" in summary


def test_the_report_states_how_often_firm_and_tentative_labels_are_right(clinic):
    said = f"{rule_accuracy.FIRM_ACCURACY:.0%} of the firm labels ({rule_accuracy.FIRM_SHARE:.0%} of the rows)"
    tentative = f"{rule_accuracy.TENTATIVE_ACCURACY:.0%} of the tentative ones were right"
    assert said in report_of(clinic[0])
    assert tentative in report_of(clinic[0])
    readme = " ".join((Path(__file__).parents[1] / "README.md").read_text().split())
    assert said in readme
    assert tentative in readme
    skill = (Path(__file__).parents[1] / "pipeline" / "cli" / "SKILL.md").read_text()
    assert f"right in about {rule_accuracy.FIRM_ACCURACY:.0%} of rows" in skill
    assert f"*tentative* one in about {rule_accuracy.TENTATIVE_ACCURACY:.0%}" in skill
    assert rule_accuracy.accuracy_sentence("mine.toml").endswith("was not measured.")


# --- Shown as such -------------------------------------------------------------------------------------------


def test_a_label_is_named_by_both_modes():
    assert (
        tentative_label("tool_or_action_selection_error", "knowledge_grounding_error")
        == "tool or action, or unsupported claim (tentative)"
    )
    assert tentative_label("other", None) == "other (tentative)"
    assert len({mode.short_name for mode in MODES.values()}) == len(MODES)


def test_every_datapoint_with_a_tentative_label_says_so_and_no_other(clinic):
    folder, _ = clinic
    report = report_of(folder)
    shown = Counter()
    for each in packet_of(folder):
        if found := re.search(rf"^\*\*Turn \d+\*\*, row `{re.escape(each['row_id'])}`: .*$", report, re.MULTILINE):
            label = tentative_label(each["error_mode_candidate"], each["error_mode_runner_up"])
            assert (label in found[0]) is (each["error_mode_confidence"] == TENTATIVE)
            shown[each["error_mode_confidence"]] += 1
    assert shown[TENTATIVE]
    assert shown[FIRM]


def test_show_names_the_confidence_beside_the_runner_up_as_text_and_as_json(clinic):
    folder, _ = clinic
    for wanted in (TENTATIVE, FIRM):
        each = next(each for each in packet_of(folder) if each["error_mode_confidence"] == wanted)
        found = json.loads(command("review", "show", folder, each["row_id"], *ANN, "--json"))["row"]
        assert list(found["provisional"]) == ["mode", "rule", "evidence", "runner_up", "confidence"]
        assert found["provisional"]["confidence"] == wanted
        text = command("review", "show", folder, each["row_id"], *ANN)
        assert f"provisional mode: {each['error_mode_candidate']} ({wanted}; runner-up " in text


def test_the_review_page_marks_a_tentative_label(clinic):
    folder, _ = clinic
    with serving(folder) as server:
        for wanted in (TENTATIVE, FIRM):
            each = next(each for each in packet_of(folder) if each["error_mode_confidence"] == wanted)
            status, _, text = server.ask("GET", f"/row?id={each['row_id']}")
            assert status == 200
            assert ("(tentative)" in text) is (wanted == TENTATIVE)


# --- Read first ----------------------------------------------------------------------------------------------


def write_packet(folder, rows):
    """Replace the packet, and its digest in `analysis.json`."""
    packet = "".join(json.dumps(each) + "\n" for each in rows).encode()
    (folder / "failure_review_rows.jsonl").write_bytes(packet)
    facts = json.loads((folder / "analysis.json").read_bytes())
    facts["files"]["failure_review_rows.jsonl"] = hashlib.sha256(packet).hexdigest()
    (folder / "analysis.json").write_text(json.dumps(facts))


@pytest.fixture
def folder(cli, tmp_path):
    """An analysis of one model with six failed rows of one cause, of which turns 4 and 5 are marked as tentative."""
    said = "It forgot the name that the user gave and asked for it again."
    rows = [row(0), *(failing(turn, judge_reasoning=said) for turn in range(1, 7))]
    run = write_run(tmp_path / "in" / "bench" / "run_a", rows)
    comparison = write_comparison(tmp_path / "in" / "cmp", [run])
    assert cli("analyze", "--comparison-dir", comparison, "--output", "out").returncode == 0
    marks = {turn: TENTATIVE if turn in {4, 5} else FIRM for turn in range(1, 7)}
    write_packet(
        tmp_path / "out",
        [each | {"error_mode_confidence": marks[each["turn"]]} for each in packet_of(tmp_path / "out")],
    )
    return tmp_path / "out"


def test_next_serves_tentative_rows_before_firm_ones(folder):
    found = json.loads(command("review", "next", folder, *ANN, "--limit", "25", "--model", "model-a", "--json"))
    assert [each["turn"] for each in found["rows"]] == [4, 5, 1, 2, 3, 6]


def test_a_packet_without_confidence_is_read_in_the_order_of_its_turns(folder):
    lines = [{k: v for k, v in each.items() if k != "error_mode_confidence"} for each in packet_of(folder)]
    write_packet(folder, lines)
    found = json.loads(command("review", "next", folder, *ANN, "--limit", "25", "--model", "model-a", "--json"))
    assert [each["turn"] for each in found["rows"]] == [1, 2, 3, 4, 5, 6]
    assert {each["provisional"]["confidence"] for each in found["rows"]} == {None}
