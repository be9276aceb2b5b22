"""The Parquet tables: exact columns and plain types; and the frames in memory that they come from."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import duckdb
import numpy as np
import pytest
from builders import failing, row, write_run
from pipeline.ingest import unite
from pipeline.units import find_units
from pyarrow import dataset
from pyarrow import parquet as pq
from recount import is_failed, judged_rows, listed_runs, write_runs

from pipeline import analyze
from pipeline.errors import InputError
from pipeline.ledger.buckets import Buckets
from pipeline.load.records import Options
from pipeline.load.rows import read_batches
from pipeline.load.runs import find_runs
from pipeline.rules.ruleset import builtin_rules
from pipeline.stages import buckets as decisions
from pipeline.stages import checks as validate
from pipeline.stages import error_modes, stats, turnsets
from pipeline.stages import packet as packets
from pipeline.stages import tables as frames

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
TEXTS = ["user_text", "assistant_text", "judge_reasoning", "tool_calls", "tool_results"]
TABLES = {
    "reviews": {
        "row_id": "string",
        "provisional_mode": "string",
        "bucket": "string",
        "attribution": "string",
        "review_state": "string",
        "reviewers": "list<element: string>",
    },
    "turns": {
        "row_id": "string",
        "comparison": "string",
        "benchmark_name": "string",
        "model_name": "string",
        "run_id": "string",
        "run_index": "int64",
        "turn": "int64",
        "response_kind": "string",
        "judged": "bool",
        "failed": "bool",
        "failed_dimensions": "list<element: string>",
        "error_mode": "string",
        "error_mode_rule": "string",
        "error_mode_evidence": "string",
        "error_mode_runner_up": "string",
        "bucket": "string",
        "bucket_source": "string",
        "latency_ms": "double",
        "ttfb_ms": "double",
        "source_file": "string",
        "source_line": "int64",
        **dict.fromkeys(TEXTS, "string"),
    },
    "scores": {
        "row_id": "string",
        "comparison": "string",
        "benchmark_name": "string",
        "model_name": "string",
        "run_id": "string",
        "turn": "int64",
        "dimension": "string",
        "passed": "bool",
    },
    "dimension_counts": {
        "benchmark_name": "string",
        "model_name": "string",
        "dimension": "string",
        "scored": "int64",
        "failed": "int64",
        "fail_rate": "double",
    },
    "error_mode_counts": {
        "benchmark_name": "string",
        "model_name": "string",
        "error_mode": "string",
        "failed_rows": "int64",
        "share": "double",
    },
    "turn_outcomes": {
        "benchmark_name": "string",
        "model_name": "string",
        "turn": "int64",
        "runs_judged": "int64",
        "runs_failed": "int64",
        "outcome": "string",
        "flaky": "bool",
    },
    "turn_sets": {"benchmark_name": "string", "set": "string", "model_name": "string", "turn": "int64"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Analyse both samples into `results/clinic...` and `results/library...`."""
    folder = tmp_path_factory.mktemp("tables") / "results"
    for sample in SAMPLES.iterdir():
        analyze(sample, output=folder / sample.name)
    return folder


def source_rows(sample):
    """Read a sample's rows: row id -> row as the judge left it."""
    return {
        f"{run.run_id}:{turn}": judged
        for run in listed_runs(SAMPLES / sample)
        for turn, judged in judged_rows(run).items()
    }


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_exactly_its_columns_in_order_and_in_plain_types(results, name):
    for folder in results.iterdir():
        schema = pq.read_schema(folder / "tables" / f"{name}.parquet")
        found = {field.name: str(field.type).replace("item:", "element:") for field in schema}
        assert list(found.items()) == list(TABLES[name].items())
        assert schema.metadata == {b"schema_version": b"1"}


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_its_types_also_without_any_row_to_show_them(tmp_path, name):
    analyze(run_dir=write_run(tmp_path / "b" / "r", [row(0, {})]), output=tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out" / "tables" / f"{name}.parquet")
    found = {field.name: str(field.type).replace("item:", "element:") for field in schema}
    assert list(found.items()) == list(TABLES[name].items())


def test_tables_are_compressed_with_zstd_and_there_are_no_others(results):
    for folder in results.iterdir():
        files = sorted((folder / "tables").iterdir())
        assert {file.stem for file in files} == set(TABLES)
        for file in files:
            meta = pq.ParquetFile(file).metadata
            for group in range(meta.num_row_groups):
                columns = [meta.row_group(group).column(i).compression for i in range(meta.num_columns)]
                assert set(columns) == {"ZSTD"}


@pytest.mark.parametrize("sample", ["clinic_three_models", "library_repeats"])
def test_the_turns_table_has_every_row_with_its_texts_and_what_was_found(results, sample):
    rows = pq.read_table(results / sample / "tables" / "turns.parquet").to_pylist()
    sources = source_rows(sample)
    assert [found["row_id"] for found in rows] == list(sources)
    for found, source in zip(rows, sources.values(), strict=True):
        assert found["comparison"] == sample
        assert [found[name] for name in TEXTS[:3]] == [source[name] for name in TEXTS[:3]]
        assert [json.loads(found[name]) for name in TEXTS[3:]] == [source[name] for name in TEXTS[3:]]
        assert (found["turn"], found["model_name"]) == (source["turn"], source["model_name"])
        assert (found["latency_ms"], found["ttfb_ms"]) == (source["latency_ms"], source["ttfb_ms"])
        assert found["failed"] == is_failed(source)
        assert found["failed_dimensions"] == [n for n, score in source["scores"].items() if score is False]
        verdict = [found[name] for name in ("error_mode", "error_mode_rule", "error_mode_evidence", "bucket")]
        assert all(verdict) if found["failed"] else verdict == [None] * 4
        assert found["bucket_source"] == ("rule" if found["failed"] else None)


@pytest.mark.parametrize("sample", ["clinic_three_models", "library_repeats"])
def test_the_scores_table_keeps_true_false_and_null_apart(results, sample):
    rows = pq.read_table(results / sample / "tables" / "scores.parquet").to_pylist()
    expected = [
        (row_id, name, score)
        for row_id, source in source_rows(sample).items()
        for name, score in source["scores"].items()
    ]
    assert [(found["row_id"], found["dimension"], found["passed"]) for found in rows] == expected
    assert {score for _, _, score in expected} == {True, False, None}


def test_the_turns_of_several_results_folders_are_one_data_set(results):
    pattern = str(results / "*" / "tables" / "turns.parquet")
    rows = duckdb.sql(
        f"SELECT comparison, count(*), sum(failed::int), count(user_text) FROM read_parquet('{pattern}') "  # noqa: S608
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    expected = [
        (sample, len(found := source_rows(sample)), sum(map(is_failed, found.values())), len(found))
        for sample in ("clinic_three_models", "library_repeats")
    ]
    assert rows == expected
    files = sorted(map(str, results.glob("*/tables/turns.parquet")))
    assert dataset.dataset(files, format="parquet").count_rows() == sum(n for _, n, _, _ in expected)
    assert dataset.dataset(files).to_table()["failed"].to_pylist().count(True) == sum(f for _, _, f, _ in rows)


def test_tables_are_the_frames_in_memory_row_by_row(tmp_path):
    analysis = analyze(SAMPLES / "library_repeats", output=tmp_path / "out", compare_by="run")
    for name in TABLES.keys() - {"turns"}:
        stored = pq.read_table(tmp_path / "out" / "tables" / f"{name}.parquet").to_pandas()
        frame = getattr(analysis, name)
        assert list(frame.columns) == list(TABLES[name])
        assert len(frame) == len(stored)
        for column in TABLES[name]:
            left, right = (
                series.astype(object).where(series.notna(), None).tolist() for series in (frame[column], stored[column])
            )
            assert list(map(str, left)) == list(map(str, right))


def test_with_compare_by_run_the_counts_name_runs_and_the_turns_name_models(tmp_path):
    analysis = analyze(SAMPLES / "library_repeats", output=tmp_path / "out", compare_by="run")
    run_ids = {run.run_id for run in analysis.inputs}
    for frame in (analysis.dimension_counts, analysis.error_mode_counts, analysis.turn_outcomes):
        assert set(frame["model_name"]) == run_ids
    assert set(analysis.turn_sets["model_name"]) <= run_ids | {""}
    for frame in (analysis.turns, analysis.scores, analysis.packet):
        assert set(frame["model_name"]) == {"tern-1", "plover-pro"}


# --- The frames in memory ------------------------------------------------------------------------------------


def test_the_frame_in_memory_has_the_texts_of_failed_rows_only():
    turns = analyze(SAMPLES / "clinic_three_models").turns
    assert list(turns.columns) == list(TABLES["turns"])
    assert turns.loc[turns["failed"], TEXTS].notna().all(axis=None)
    assert turns.loc[~turns["failed"], TEXTS].isna().all(axis=None)
    assert turns["failed"].any()
    assert not turns["failed"].all()


def test_texts_gives_the_true_texts_of_any_rows_in_the_order_asked():
    analysis = analyze(SAMPLES / "library_repeats")
    sources = source_rows("library_repeats")
    asked = sorted(sources, key=lambda row_id: row_id[::-1])
    texts = analysis.texts(iter(asked))
    assert texts.index.tolist() == asked
    assert texts.index.name == "row_id"
    assert list(texts.columns) == TEXTS
    for row_id, found in texts.to_dict("index").items():
        assert [found[name] for name in TEXTS[:3]] == [sources[row_id][name] for name in TEXTS[:3]]
        assert [json.loads(found[name]) for name in TEXTS[3:]] == [sources[row_id][n] for n in TEXTS[3:]]
    assert analysis.texts([]).empty


def test_texts_refuses_a_row_that_is_not_there():
    analysis = analyze(SAMPLES / "library_repeats")
    with pytest.raises(KeyError, match="tern-1_run1:999"):
        analysis.texts(["tern-1_run1:1", "tern-1_run1:999"])


@pytest.mark.parametrize(
    "rows",
    [
        [row(0), row(1)],  # the row has gone
        [row(0), row(2), row(1)],  # another turn stands in its line
        [row(0), row(1), row(2, user_text="something else")],  # the row says something else
        [row(0), row(1), "not json"],
    ],
    ids=["gone", "moved", "reworded", "broken"],
)
def test_texts_refuses_a_file_that_has_changed_since(tmp_path, rows):
    run = write_run(tmp_path / "b" / "r", [row(0), row(1), row(2)])
    analysis = analyze(run_dir=run)
    assert analysis.texts(["r:2"])["user_text"].tolist() == ["question 2"]
    write_run(run, rows)
    with pytest.raises(InputError, match="has changed"):
        analysis.texts(["r:2"])


def test_texts_refuses_a_file_that_has_gone(tmp_path):
    run = write_run(tmp_path / "b" / "r", [row(0)])
    analysis = analyze(run_dir=run)
    (run / "openai_judged.jsonl").unlink()
    with pytest.raises(InputError):
        analysis.texts(["r:0"])


def test_texts_finds_the_files_from_another_working_directory(tmp_path, monkeypatch):
    write_run(tmp_path / "b" / "r", [row(0)])
    monkeypatch.chdir(tmp_path)
    analysis = analyze(run_dir="b/r")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert analysis.texts(["r:0"])["assistant_text"].tolist() == ["answer 0"]


# --- Stages leave alone what they are given ---------------------------------------------------------------------


def test_no_stage_changes_the_frame_that_it_is_given():
    listed = find_runs(SAMPLES / "library_repeats", (), None, Options(), lambda _: None)
    (batch,) = read_batches(listed.runs, lambda _: None)
    built = frames.build_frames(batch, listed.name, ())
    labelled = error_modes.assign_error_modes(built.turns, builtin_rules())
    settled = decisions.assign_buckets(labelled)
    turns, failures = (unite([part]) for part in frames.split_failures(settled))
    scores = unite([built.scores])
    units = [find_units(analyze(SAMPLES / "library_repeats").inputs, by) for by in ("model", "run")]
    grids = turnsets.turn_grids(turns, units[0], "any")
    difficulty = turnsets.turn_difficulty(grids)
    tables = [*(loaded.table for loaded in batch), built.turns, labelled, settled, turns, failures, scores, difficulty]
    assert all(table.num_rows for table in tables)
    calls = [
        (frames.build_frames, batch, listed.name, ("kb_grounding",)),
        (error_modes.assign_error_modes, built.turns, builtin_rules()),
        (decisions.assign_buckets, labelled),
        (frames.split_failures, settled),
        (validate.Questions().add, settled),
        (validate.check_comparison, turns, failures, scores, listed.runs),
        (validate.check_comparable, grids, units[0]),
        (packets.review_order, failures),
        (packets.review_rows, failures),
        (turnsets.turn_outcomes, grids),
        (turnsets.turn_difficulty, grids),
        (turnsets.turn_sets, grids),
        (turnsets.hardest_turns, difficulty),
        *((turnsets.turn_grids, turns, by, "any") for by in units),
        *((stats.model_counts, turns, by) for by in units),
        *((stats.dimension_counts, scores, by) for by in units),
        *((stats.error_mode_counts, failures, by) for by in units),
        *((stats.bucket_counts, failures, by, Buckets()) for by in units),
    ]
    before = deepcopy((tables, grids, units))
    for stage, *given in calls:
        stage(*given)
        assert all(table.equals(was) for table, was in zip(tables, before[0], strict=True)), stage.__name__
        now, was = ([grid._asdict() for grid in each] for each in (grids, before[1]))
        np.testing.assert_equal(now, was, stage.__name__)
        assert units == before[2], stage.__name__


def test_rows_are_in_the_order_of_the_runs_then_of_the_turns(tmp_path):
    runs = {
        ("b", "z", "run_z"): [failing(2), failing(0), row(1)],
        ("b", "a", "run_a"): [row(0), row(1)],
    }
    analysis = analyze(write_runs(tmp_path, runs))
    assert analysis.turns["row_id"].tolist() == ["run_z:0", "run_z:1", "run_z:2", "run_a:0", "run_a:1"]
    assert analysis.turns["source_line"].tolist() == [2, 3, 1, 1, 2]
    assert analysis.models("b") == ("z", "a")
