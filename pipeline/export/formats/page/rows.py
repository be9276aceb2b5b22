"""Lay out the failed rows, and others that are counted, as numbers into lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.export.formats.page.turns import exact_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from pipeline.analysis import Analysis

_COLUMNS: Final = {
    "benchmark": c.BENCHMARK,
    "model": c.MODEL,
    "run": c.RUN_ID,
    "kind": c.RESPONSE_KIND,
    "mode": c.ERROR_MODE,
    "bucket": c.BUCKET,
}
"""Columns of the turns table by the names that the page's filters give them."""


def lay_out_rows(analysis: Analysis, order: np.ndarray) -> dict[str, Any]:
    """Lay out the failed rows in `order`, and after them the others that the report counts.

    Each column holds a number per row, its place in the list of that name, or one number for all rows.
    """
    failures, reviews = (analysis.tables[name].take(pa.array(order)) for name in ("failures", "reviews"))
    others = _counted_others(analysis)
    failed, more = len(failures), len(others)
    names: dict[str, list[str]] = {}
    rows: dict[str, list[int] | list[str] | int] = {
        "turn": exact_numbers(as_list(failures[c.TURN]) + as_list(others[c.TURN]))
    }
    columns = {name: as_list(failures[column]) + as_list(others[column]) for name, column in _COLUMNS.items()}
    columns["state"] = as_list(reviews[c.REVIEW_STATE]) + [None] * more
    columns["attribution"] = as_list(reviews[c.ATTRIBUTION]) + [None] * more
    columns["outcome"] = ["failed"] * failed + ["passed" if one else "incomplete" for one in as_list(others[c.JUDGED])]
    for name, values in columns.items():
        names[name], rows[name] = _encoded([value or "" for value in values])
    consequences = {
        row.row_id: tuple(row.settled.decision.secondary_dimensions)
        for row in analysis.review.decided
        if row.settled.decision
    }
    secondary = (
        [consequences.get(row_id, ()) for row_id in as_list(failures[c.ROW_ID])] if consequences else [()] * failed
    )
    lists = [*map(tuple, as_list(failures[c.FAILED_DIMENSIONS])), *[()] * more, *secondary, *[()] * more]
    sets, places = _encoded(lists)
    split = failed + more
    rows["dimensions"], rows["secondary"] = (
        (places, places) if isinstance(places, int) else (places[:split], places[split:])
    )
    return {"names": names, "sets": sets, "rows": rows}


def parents(analysis: Analysis) -> dict[str, str]:
    """Give each bucket of the failed rows, and the one that it counts for."""
    return {
        name: analysis.review.buckets.parent(name)
        for name in pc.unique(analysis.tables["failures"][c.BUCKET]).to_pylist()
    }


def _counted_others(analysis: Analysis) -> pa.Table:
    """Give the rows that did not fail and are counted all the same: incomplete ones, endings, empty responses."""
    turns = analysis.tables["turns"]
    marked = pc.is_in(turns[c.RESPONSE_KIND].cast(pa.large_string()), pa.array(list(c.SENTINELS), pa.large_string()))
    wanted = pc.and_not(pc.or_(pc.invert(turns[c.JUDGED]), marked), turns[c.FAILED])
    return turns.select([*_COLUMNS.values(), c.TURN, c.JUDGED]).filter(wanted)


def _encoded(values: Sequence[Any]) -> tuple[list[Any], list[int] | int]:
    """Give the distinct values, and each value's place among them; only one number where all are alike."""
    places: dict[Any, int] = {}
    found = [places.setdefault(value, len(places)) for value in values]
    return list(places), 0 if len(places) == 1 else found
