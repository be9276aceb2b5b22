"""The answer stands first: in the summary, the report and the page, and it is the same answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders import failing, row, write_run

from pipeline import analyze
from pipeline.report.rows import AnalysisRows
from pipeline.report.sections.headline import headlines, written

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"


@pytest.mark.parametrize("name", ["clinic_three_models", "library_repeats"])
def test_summary_report_and_page_begin_with_the_same_sentences(cli, tmp_path, name):
    summary = cli("analyze", "--comparison-dir", SAMPLES / name, "--output", "out").stdout.splitlines()
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text(encoding="utf-8").splitlines()
    page = (tmp_path / "out" / "deep_error_analysis.html").read_text(encoding="utf-8")
    rows = AnalysisRows(analyze(SAMPLES / name))
    for headline in headlines(rows):
        for sentence in (headline.rate, *headline.models, *headline.facts):
            words = written(sentence)
            assert any(words in line for line in summary[:25])
            plain = [re.sub(r"[\\`*]", "", line) for line in report[:40]]
            assert any(re.sub(r"[`*]", "", words)[:60] in line for line in plain)
        assert page.index("In short") < page.index("Turn by turn")


def test_every_quote_is_a_sentence_of_the_judge_on_the_row_that_it_names(tmp_path):
    said = "The agent prematurely ended the call. It was polite."
    rows = [row(0), failing(1, judge_reasoning=said), failing(2, judge_reasoning="It hung up; she was still talking.")]
    analysis = analyze(run_dir=write_run(tmp_path / "b" / "r", rows))
    (headline,) = headlines(AnalysisRows(analysis))
    (sentence,) = headline.models
    quote, row_id = re.search(r"“(.*)” \((\S+)\)", written(sentence)).groups()
    assert quote in analysis.texts([row_id])["judge_reasoning"].iloc[0]
    assert "ended the session too early" in written(sentence)
    assert "(provisional)" in written(sentence)


def test_of_many_models_the_worst_four_are_shown(tmp_path):
    runs = []
    for n in range(7):
        rows = [(failing if turn < n else row)(turn, model_name=f"m{n}") for turn in range(8)]
        runs.append(write_run(tmp_path / "b" / f"r{n}", rows))
    (headline,) = headlines(AnalysisRows(analyze(run_dir=runs)))
    assert [written(model).partition(":")[0] for model in headline.models] == ["m6", "m5", "m4", "m3"]
    assert headline.more == 3


def test_an_analysis_without_failures_or_judged_rows_has_a_headline_too(tmp_path):
    clean = analyze(run_dir=write_run(tmp_path / "b" / "clean", [row(0)]))
    (headline,) = headlines(AnalysisRows(clean))
    assert written(headline.models[0]).endswith("no judged row failed.")
    empty = analyze(run_dir=write_run(tmp_path / "c" / "empty", [row(0, {"a": None})]))
    (headline,) = headlines(AnalysisRows(empty))
    assert "no row was judged" in written(headline.rate)


def test_a_finding_is_told_word_for_word(cli, tmp_path):
    ledger = tmp_path / "out" / "reviews.jsonl"
    ledger.parent.mkdir()
    reviewed = SAMPLES.parent / "reviews" / "clinic_three_models" / "reviews.jsonl"
    ledger.write_bytes(reviewed.read_bytes())
    summary = cli("analyze", "--comparison-dir", SAMPLES / "clinic_three_models", "--output", "out").stdout
    events = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    every = [each for event in events for each in event.get("events", [event])]
    told = [each["what_goes_wrong"] for each in every if "what_goes_wrong" in each]
    assert sum(" ".join(text.split()) in " ".join(summary.splitlines()[:12]) for text in told) >= 3
