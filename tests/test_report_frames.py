"""What a report makes of the frames of an analysis: rows grouped, ranked, pivoted; datapoints and costs chosen."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.report.frames import grouped, pivoted, ranked
from pipeline.report.sections.causes import dimension_costs
from pipeline.report.sections.datapoints import choose_datapoints

COUNTS = pd.DataFrame(
    [("b", "m", "x", 2), ("b", "m", "y", 5), ("b", "n", "y", 2)],
    columns=["benchmark_name", "model_name", "dimension", "failed"],
)


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


def test_counts_are_ranked_by_size_and_equal_ones_by_name(counts):
    assert ranked(counts, "failed", "dimension")["dimension"].tolist() == ["y", "x", "y"]


def test_a_cell_without_a_count_is_zero(counts):
    wide = pivoted(counts, "failed", ("model_name", ["n", "m", "none"]), ("dimension", ["x", "y"]))
    assert wide.to_numpy().tolist() == [[0, 2], [2, 5], [0, 0]]


def test_no_counts_make_a_matrix_of_zeros():
    wide = pivoted(COUNTS[:0], "failed", ("model_name", ["m"]), ("dimension", ["x"]))
    assert wide.to_numpy().tolist() == [[0]]


def failed(turn, *dimensions, run="r1", bucket="other", kind="text", reviewed=False):
    return ("b", "m", f"{run}:{turn}", turn, kind, list(dimensions) or ["x"], bucket, reviewed)


def frame(*rows):
    names = (
        "benchmark_name",
        "model_name",
        "row_id",
        "turn",
        "response_kind",
        "failed_dimensions",
        "parent",
        "reviewed",
    )
    return pd.DataFrame(rows, columns=list(names))


def chosen(failures, row_ids=(), bucket="other"):
    finding = SimpleNamespace(row_ids=row_ids) if row_ids else None
    standings = [SimpleNamespace(unit=("b", "m"), bucket=bucket, finding=finding)]
    return choose_datapoints(failures, standings)["row_id"].tolist()


def test_datapoints_are_of_three_turns_in_order_each_once():
    failures = frame(*(failed(turn, run=run) for run in ("r1", "r2") for turn in (4, 1, 3, 2)))
    assert chosen(failures) == ["r1:1", "r1:2", "r1:3"]


def test_rows_that_a_finding_cites_come_first_and_all():
    failures = frame(*(failed(turn, reviewed=turn > 5) for turn in range(10)))
    assert chosen(failures, ("r1:9", "r1:6")) == ["r1:9", "r1:6", "r1:0"]
    assert chosen(failures, ("r1:9", "r1:8", "r1:7", "r1:6")) == ["r1:9", "r1:8", "r1:7", "r1:6"]


def test_rows_filled_in_after_an_ending_and_minor_buckets_have_no_datapoint():
    early = failed(0, kind="model_ended_session_early")
    assert chosen(frame(early, failed(1), failed(2, bucket="empty_response"))) == ["r1:1"]


def test_costs_tell_roots_from_consequences_and_from_rows_that_nobody_settled():
    failures = frame(failed(0, "x", "y", reviewed=True), failed(1, "y", reviewed=True), failed(2, "y", "z"))
    decision = SimpleNamespace(secondary_dimensions=("y",))
    review = SimpleNamespace(decided=[SimpleNamespace(row_id="r1:0", settled=SimpleNamespace(decision=decision))])
    costs = dimension_costs(failures, review).set_index("dimension")[["root", "secondary", "provisional"]]
    assert costs.to_dict("index") == {
        "y": {"root": 1, "secondary": 1, "provisional": 1},
        "x": {"root": 1, "secondary": 0, "provisional": 0},
        "z": {"root": 0, "secondary": 0, "provisional": 1},
    }
    assert list(costs.index) == ["y", "x", "z"]
