"""What a report makes of the frames of an analysis: rows grouped and ranked; datapoints and costs chosen."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.report.frames import grouped
from pipeline.report.rows import AnalysisRows, FailedRow, choose_datapoints
from pipeline.report.sections import dimensions, error_modes
from pipeline.report.sections.causes import DimensionCost, dimension_costs

COUNTS = pd.DataFrame(
    [("b", "m", "x", 2), ("b", "m", "y", 5), ("b", "n", "y", 2)],
    columns=["benchmark_name", "model_name", "dimension", "failed"],
)

TIED = pd.DataFrame([("b", "m", "w", 2)], columns=COUNTS.columns)


@pytest.fixture(params=["str", "category"])
def counts(request):
    """The same counts with names as text, and as categories whose order is not that of the names."""
    if request.param == "str":
        return COUNTS
    dimension = pd.Categorical(COUNTS["dimension"], categories=["unused", "y", "x"])
    return COUNTS.assign(dimension=dimension, model_name=COUNTS["model_name"].astype("category"))


def test_rows_are_grouped_in_order_and_a_key_that_is_not_there_has_none(counts):
    groups = grouped(counts, ["benchmark_name", "model_name"])
    assert list(groups) == [("b", "m"), ("b", "n")]
    assert [row.dimension for row in groups["b", "m"]] == ["x", "y"]
    assert groups["b", "absent"] == []
    assert all(type(row.failed) is int for rows in groups.values() for row in rows)


def test_rows_are_grouped_by_one_column_too(counts):
    assert {name: len(rows) for name, rows in grouped(counts, ["model_name"]).items()} == {"m": 2, "n": 1}


def test_no_counts_are_no_groups(counts):
    assert grouped(counts[:0], ["model_name"]) == {}


def test_counts_are_ranked_by_size_and_equal_ones_by_name(counts):
    rows = AnalysisRows(SimpleNamespace(dimension_counts=pd.concat([counts, TIED])))
    assert [row.dimension for row in rows.worst_dimensions(("b", "m"))] == ["y", "w", "x"]


def compared(**tables):
    """Return rows of an analysis of three models, one of which has no counts."""
    return AnalysisRows(
        SimpleNamespace(
            benchmarks=("b",),
            models=lambda _: ("n", "m", "none"),
            options=SimpleNamespace(compare_by="model"),
            rules_name="built-in",
            **tables,
        )
    )


def cells(section, rows):
    (*_, table) = section.SECTION.build(rows)
    return [[words(cell) for cell in line] for line in table.rows]


def words(cell):
    return "".join(getattr(part, "text", part) for part in (cell if isinstance(cell, tuple) else (cell,)))


def test_a_dimension_without_a_count_is_not_measured(counts):
    rows = compared(dimension_counts=counts.assign(scored=5))
    assert cells(dimensions, rows) == [
        ["n", "2/5, 40.0%", "not measured"],
        ["m", "5/5, 100.0%", "2/5, 40.0%"],
        ["none", "not measured", "not measured"],
    ]


def test_tentative_labels_stand_apart_and_an_error_mode_without_a_count_is_zero():
    totals = pd.DataFrame({"benchmark_name": "b", "model_name": ["n", "m"], "failed_rows": [0, 4]}).assign(
        tentative=[0, 3]
    )
    modes = pd.DataFrame(
        {"benchmark_name": "b", "model_name": ["m"], "error_mode": ["other"], "failed_rows": [4]}
    ).assign(tentative=3)
    found = cells(error_modes, compared(model_counts=totals, error_mode_counts=modes))
    assert ["other", "not measured", "4/4, 100.0% (3 tentative)"] in found
    assert ["empty_response", "not measured", "0/4, 0.0%"] in found


def failed(turn, *dimensions, run="r1", kind="text", reviewed=False):
    source = "review" if reviewed else "rule"
    return FailedRow("b", "m", f"{run}:{turn}", turn, kind, list(dimensions) or ["x"], "other", source, "firm")


def chosen(rows, cited=()):
    return [row.row_id for row in choose_datapoints(rows, cited)]


def test_datapoints_are_of_three_turns_in_order_each_once():
    assert chosen([failed(turn, run=run) for run in ("r1", "r2") for turn in (4, 1, 3, 2)]) == ["r1:1", "r1:2", "r1:3"]


def test_rows_that_a_finding_cites_come_first_and_all():
    rows = [failed(turn, reviewed=turn > 5) for turn in range(10)]
    assert chosen(rows, ("r1:9", "r1:6")) == ["r1:9", "r1:6", "r1:0"]
    assert chosen(rows, ("r1:9", "r1:8", "r1:7", "r1:6")) == ["r1:9", "r1:8", "r1:7", "r1:6"]


def test_rows_filled_in_after_an_ending_are_no_datapoints_unless_cited():
    rows = [failed(0, kind="model_ended_session_early"), failed(1)]
    assert chosen(rows) == ["r1:1"]
    assert chosen(rows, ["r1:0"]) == ["r1:0", "r1:1"]


def test_only_major_buckets_have_datapoints():
    early = failed(0, kind="model_ended_session_early")._replace(bucket="empty_response")
    failures = pd.DataFrame([early, failed(1), failed(2)._replace(bucket="empty_response")])
    standing = SimpleNamespace(unit=("b", "m"), bucket="other", finding=None)
    review = SimpleNamespace(standings=[standing], buckets=SimpleNamespace(parent=str))
    models = {"b": ("m",)}
    analysis = SimpleNamespace(
        failures=failures, unit="model_name", review=review, benchmarks=("b",), models=models.__getitem__
    )
    datapoints = AnalysisRows(analysis).datapoints
    assert {key: [row.row_id for row in rows] for key, rows in datapoints.items()} == {("b", "m", "other"): ["r1:1"]}


def test_costs_tell_roots_from_consequences_and_from_rows_that_nobody_settled():
    rows = [failed(0, "x", "y", reviewed=True), failed(1, "y", reviewed=True), failed(2, "y", "z")]
    decisions = {"r1:0": SimpleNamespace(secondary_dimensions=("y",))}
    review = SimpleNamespace(settled=lambda row_id: SimpleNamespace(decision=decisions.get(row_id)))
    assert dimension_costs(rows, review) == [
        DimensionCost("y", root=1, secondary=1, provisional=1),
        DimensionCost("x", root=1, secondary=0, provisional=0),
        DimensionCost("z", root=0, secondary=0, provisional=1),
    ]
