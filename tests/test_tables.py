"""The Parquet tables: exact columns and plain types; and the frames in memory that they come from."""

from __future__ import annotations

import inspect
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from builders import failing, row, write_run
from pandas.testing import assert_frame_equal
from pyarrow import dataset
from pyarrow import parquet as pq
from recount import is_failed, judged_rows, listed_runs, write_runs

from pipeline import analyze, schema
from pipeline.errors import InputError
from pipeline.ledger.events import Decision, Opened
from pipeline.ledger.evidence import evidence_digest
from pipeline.ledger.replay import replay
from pipeline.ledger.review import review_of
from pipeline.load.artifacts import read_artifacts
from pipeline.load.facts import facts_of
from pipeline.load.records import Options
from pipeline.load.reference import Reference, ReferenceTurn
from pipeline.load.rows import read_batches
from pipeline.load.runs import find_runs
from pipeline.rules.ruleset import builtin_rules
from pipeline.stages import (
    buckets,
    call_check,
    candidates,
    categories,
    check_facts,
    checks,
    compared,
    counts,
    error_modes,
    losses,
    packet,
    recurring,
    reference,
    signs,
    stats,
    tables,
    turnsets,
)
from pipeline.stages.comparability import check_alike

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
        "golden_text": "string",
        "expected_calls": "string",
        "categories": "list<element: string>",
        "call_check": "string",
        "error_mode_confidence": "string",
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
        "tentative": "int64",
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
LOSSES = {"benchmark_name": "string", "model_name": "string", "run_id": "string", "kind": "string", "turn": "int64"}


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


def test_the_table_of_pipeline_losses_has_its_columns_and_types(results):
    schema = pq.read_schema(results / "clinic_three_models" / "tables" / "pipeline_losses.parquet")
    assert {field.name: str(field.type) for field in schema} == LOSSES


def test_tables_are_compressed_with_zstd_and_there_are_no_others(results):
    for folder in results.iterdir():
        files = sorted((folder / "tables").iterdir())
        shown = {"signs"} if folder.name == "library_repeats" else set()
        assert {file.stem for file in files} == {*TABLES, "pipeline_losses"} | shown
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


STAGES = (buckets, checks, compared, counts, error_modes, packet, recurring, signs, stats, tables, turnsets)


def takes_frames(stage):
    """Say whether a function takes a frame or a column."""
    taken = [str(kind) for name, kind in stage.__annotations__.items() if name != "return"]
    return any("pd.DataFrame" in kind or "pd.Series" in kind for kind in taken)


def decided(row):
    """Make the ledger of one reviewer who opened a row and decided it."""
    who = {
        "reviewer": "ann",
        "reviewer_kind": "human",
        "row_id": row["row_id"],
        "evidence_digest": evidence_digest(row),
    }
    opened, later = (datetime(2025, 1, 1, second=second, tzinfo=UTC) for second in (1, 2))
    return replay(
        [Opened(id="e1", at=opened, **who), Decision(id="e2", at=later, bucket="other", attribution="model", **who)]
    )


@pytest.mark.slow
@pytest.mark.parametrize("by", ["model", "run"])
def test_no_stage_changes_the_frame_that_it_is_given(by):
    inputs = analyze(SAMPLES / "library_repeats").inputs
    listed = find_runs((SAMPLES / "library_repeats",), (), None, Options())
    facts = {run.run_id: facts_of(run, read_artifacts(run), {}, Options()) for run in listed.runs}
    lost = losses.losses_table(inputs, facts)
    (batch,) = read_batches(listed.runs, listed.name, lambda _: None)
    options, rules = Options(compare_by=by), builtin_rules()
    of_kind = tables.add_response_kind(batch.turns)
    unreferenced = tables.mark_failures(of_kind, batch.scores)
    benchmark = listed.runs[0].benchmark_name
    references = {benchmark: Reference("ref", "", {0: ReferenceTurn(0, "Hello", "Hi.", (), ("greeting",))})}
    unchecked = reference.add_reference(unreferenced, references)
    marked = call_check.add_call_check(unchecked)
    labelled = error_modes.assign_error_modes(marked, rules)
    ledger = decided(labelled[labelled["failed"]].iloc[0].to_dict())
    reviewed = buckets.reviewed_rows(labelled, ledger)
    settled = buckets.assign_buckets(labelled, reviewed)
    failed = settled[settled["failed"]]
    turns = tables.concat([settled[list(schema.LIGHT_TURNS)]], schema.LIGHT_TURNS)
    failures = tables.concat([failed[list(schema.FAILURES)]], schema.FAILURES)
    complaints = recurring.keep_complaints(tables.concat([], schema.COMPLAINTS), failed)
    units = compared.compared_units(inputs, by)
    of_units = [compared.compared_by(each, units, by) for each in (turns, failures, batch.scores)]
    outcomes = turnsets.turn_outcomes(of_units[0], units, "any")
    difficulty = turnsets.turn_difficulty(outcomes)
    bucket_counts = stats.bucket_counts(of_units[1], units, ledger.buckets)
    sizes = counts.own_rows_by_bucket(bucket_counts)
    review = review_of(ledger, reviewed, sizes, len(failures), by)
    run_ids = {unit: ["run"] for unit in zip(units["benchmark_name"], units["model_name"], strict=True)}
    assert [row.decided for row in reviewed] == [True]
    calls = [
        *(
            (checks.check_run, judged, rows, read_artifacts(judged.run), facts[judged.run.run_id])
            for judged, rows in batch.by_run()
        ),
        *(
            (check_facts.check_facts, judged, rows, read_artifacts(judged.run), facts[judged.run.run_id])
            for judged, rows in batch.by_run()
        ),
        (tables.leave_unmeasured, batch.turns, batch.scores, ["tern-1_run1:3"], ["tern-1_run2"]),
        (tables.include_dimensions, batch.scores, ()),
        (tables.include_dimensions, batch.scores, ("kb_grounding",)),
        (tables.is_false, batch.scores["passed"]),
        (tables.add_response_kind, batch.turns),
        (tables.mark_failures, of_kind, batch.scores),
        (reference.add_reference, unreferenced, references),
        (call_check.add_call_check, unchecked),
        (candidates.verdict_candidates, marked),
        (categories.category_counts, of_units[0], categories.turn_metadata_table(references, None, [benchmark]), units),
        (error_modes.assign_error_modes, marked, rules),
        (error_modes.as_category, labelled["error_mode"].astype("str")),
        (buckets.reviewed_rows, labelled, ledger),
        (buckets.assign_buckets, labelled),
        (buckets.assign_buckets, labelled, reviewed),
        (buckets.reviews_table, failures, review),
        (tables.concat, [turns, turns], schema.LIGHT_TURNS),
        (tables.concat, [failures, failures], schema.FAILURES),
        (packet.packet_rows, failed),
        (packet.in_review_order, failed),
        (checks.silent_rows, settled),
        (tables.text_sizes, settled),
        (checks.Questions().add, settled),
        (checks.check_rows, turns, checks.silent_rows(settled), lost),
        (lambda *given: list(check_alike(*given)), batch.scores, listed.runs, facts, {}),
        (checks.check_comparable, outcomes, run_ids),
        *((compared.compared_by, each, units, by) for each in (turns, failures, batch.scores)),
        (counts.count_tables, turns, failures, batch.scores, units, options, ledger.buckets, lost),
        (counts.own_rows_by_bucket, bucket_counts),
        (stats.model_counts, of_units[0], of_units[1], units, compared.compared_by(lost, units, by)),
        (stats.dimension_counts, of_units[2], units),
        (stats.error_mode_counts, of_units[1], units),
        (stats.bucket_counts, of_units[1], units, ledger.buckets),
        (signs.sign_flags, settled),
        (signs.signs_table, of_units[0], signs.sign_flags(settled), units),
        (recurring.keep_complaints, complaints, failed),
        (recurring.recurring_phrases, complaints, failures, ["kb_grounding"]),
        (turnsets.turn_outcomes, of_units[0], units, "any"),
        (turnsets.turn_difficulty, outcomes),
        (turnsets.turn_sets, outcomes),
        (turnsets.hardest_turns, difficulty),
    ]
    frames = [batch.turns, batch.scores, of_kind, marked, labelled, settled, failed, turns, failures, units, *of_units]
    frames += [outcomes, difficulty, bucket_counts, complaints]
    assert all(len(frame) for frame in frames)
    before = pickle.dumps(frames)  # a copy of lists inside a frame too
    for stage, *given in calls:
        stage(*given)
        for frame, was in zip(frames, pickle.loads(before), strict=True):  # noqa: S301 - made above
            assert_frame_equal(frame, was, obj=stage.__name__)
    functions = [each for module in STAGES for _, each in inspect.getmembers(module, inspect.isfunction)]
    public = {each for each in functions if each.__module__.startswith("pipeline.stages") and each.__name__[0] != "_"}
    assert {each for each in public if takes_frames(each)} <= {stage for stage, *_ in calls}


# --- Schemas -------------------------------------------------------------------------------------------------

COLUMNS = {"name": "str", "kind": "category", "turn": "int64", "n": "integer", "share": "float64", "names": "list"}
OF_ANALYSIS = {
    "light_turns": schema.LIGHT_TURNS,
    "failures": schema.FAILURES,
    "failure_texts": schema.FAILURE_TEXTS,
    "failure_sizes": schema.TEXT_SIZES,
    "long_scores": schema.LONG_SCORES,
    "turns": schema.TURNS,
    "scores": schema.SCORE_ROWS,
    "model_counts": schema.MODEL_COUNTS,
    "dimension_counts": schema.DIMENSION_COUNTS,
    "error_mode_counts": schema.ERROR_MODE_COUNTS,
    "bucket_counts": schema.BUCKET_COUNTS,
    "turn_outcomes": schema.TURN_OUTCOMES,
    "turn_difficulty": schema.TURN_DIFFICULTY,
    "turn_sets": schema.TURN_SETS,
    "hardest_turns": schema.TURN_DIFFICULTY,
    "reviews": schema.REVIEWS,
    "packet": schema.PACKET,
    "turn_metadata": schema.TURN_METADATA,
    "category_counts": schema.CATEGORY_COUNTS,
    "verdict_candidates": schema.VERDICT_CANDIDATES,
    "signs": schema.SIGNS,
    "recurring": schema.RECURRING,
    "pipeline_losses": schema.PIPELINE_LOSSES,
}


def sound():
    """Make a frame that conforms to `COLUMNS`."""
    return pd.DataFrame(
        {
            "name": pd.Series(["a", "b"], dtype="str"),
            "kind": pd.Categorical(["x", "x"]),
            "turn": [0, 1],
            "n": pd.Series([1, 2], dtype="int8"),
            "share": [0.5, float("nan")],
            "names": [["a"], []],
        }
    )


def test_a_sound_frame_conforms_and_its_columns_are_put_in_order():
    frame = sound()
    assert_frame_equal(schema.conform(frame, COLUMNS), frame)
    assert list(schema.conform(frame[list(COLUMNS)[::-1]], COLUMNS)) == list(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_named(name):
    with pytest.raises(schema.SchemaError, match=f"^no column {name}$"):
        schema.conform(sound().drop(columns=name), COLUMNS)


def test_an_extra_column_is_named():
    with pytest.raises(schema.SchemaError, match=r"^extra column more$"):
        schema.conform(sound().assign(more=1), COLUMNS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("name", "object"),
        ("name", "category"),
        ("kind", "str"),
        ("turn", "int32"),
        ("turn", "Int64"),
        ("turn", "float64"),
        ("n", "float64"),
        ("share", "Float64"),
        ("names", "str"),
    ],
)
def test_a_column_of_another_type_is_named_with_both_types(name, kind):
    with pytest.raises(schema.SchemaError, match=f"^{name} is {kind}, not {COLUMNS[name]}$"):
        schema.conform(sound().astype({name: kind}), COLUMNS)


def test_all_that_does_not_conform_is_named_at_once():
    frame = sound().drop(columns="turn").assign(share="much", more=1)
    with pytest.raises(schema.SchemaError) as error:
        schema.conform(frame, COLUMNS)
    assert str(error.value) == "no column turn; extra column more; share is str, not float64"


RUNS = {
    "passed and failed": [row(0), failing(1)],
    "all failed": [failing(0), failing(1)],
    "none failed": [row(0), row(1)],
    "not scored": [row(0, {"tool_use_correct": None})],
    "without dimensions": [row(0, {})],
    "one row": [failing(0)],
}


@pytest.mark.parametrize("rows", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("options", [{}, {"compare_by": "run"}, {"repeat_policy": "all"}], ids=str)
def test_every_table_conforms_to_its_schema(tmp_path, rows, options):
    runs = [write_run(tmp_path / "b" / name, rows) for name in ("r", "s")]
    _check_tables(analyze(run_dir=runs, **options))


@pytest.mark.parametrize("sample", ["clinic_three_models", "library_repeats"])
def test_every_table_of_the_samples_conforms_to_its_schema(sample):
    _check_tables(analyze(SAMPLES / sample))


def test_every_table_conforms_when_a_run_of_a_comparison_has_no_rows(tmp_path):
    runs = [write_run(tmp_path / "b" / "r", ["no row"]), write_run(tmp_path / "b" / "s", [failing(0)])]
    analysis = analyze(run_dir=runs, skip_bad_rows=True)
    _check_tables(analysis)
    assert analysis.model_counts["rows_judged"].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["LIGHT_TURNS", "FAILURES", "FAILURE_TEXTS", "LONG_SCORES"])
def test_a_table_of_no_parts_conforms_to_its_schema(name):
    columns = getattr(schema, name)
    nothing = tables.concat([], columns)
    assert len(nothing) == 0
    assert_frame_equal(schema.conform(nothing, columns), nothing)
    assert_frame_equal(tables.concat([nothing, nothing], columns), nothing)


def _check_tables(analysis):
    for name, columns in OF_ANALYSIS.items():
        table = getattr(analysis, name)
        assert_frame_equal(schema.conform(table, columns), table, obj=name)
    every = {name for name, kind in type(analysis).__annotations__.items() if kind.startswith("pd.DataFrame")}
    assert every <= OF_ANALYSIS.keys()


# --- Order ---------------------------------------------------------------------------------------------------


def test_rows_are_in_the_order_of_the_runs_then_of_the_turns(tmp_path):
    runs = {
        ("b", "z", "run_z"): [failing(2), failing(0), row(1)],
        ("b", "a", "run_a"): [row(0), row(1)],
    }
    analysis = analyze(write_runs(tmp_path, runs))
    assert analysis.turns["row_id"].tolist() == ["run_z:0", "run_z:1", "run_z:2", "run_a:0", "run_a:1"]
    assert analysis.turns["source_line"].tolist() == [2, 3, 1, 1, 2]
    assert analysis.models("b") == ("z", "a")
