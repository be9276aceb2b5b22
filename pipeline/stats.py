"""Count: rows and failures per model, dimension, error mode and bucket, each with its denominator."""

from __future__ import annotations

from typing import Final

import pandas as pd

from pipeline import schema as c

EARLY_FAILED_ROWS: Final = "early_failed_rows"
"""Failed rows that the harness filled in after the session had ended: consequences, not new mistakes."""
_LARGEST: Final = 3
_MAJOR_SHARE: Final = 0.1


def model_counts(turns: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Count the top line: one row per benchmark x model, also for a model whose runs have no rows.

    `units` has one row per run: benchmark, model, run id; its order is the order of the result.
    """
    keys = [c.BENCHMARK, c.MODEL]
    kinds = {kind: turns[c.RESPONSE_KIND] == kind for kind in (c.ENDED, c.ENDED_EARLY, c.EMPTY_RESPONSE)}
    flags = _plain(turns[keys]).assign(
        **{
            c.ROWS_JUDGED: turns[c.JUDGED],
            c.INCOMPLETE_ROWS: ~turns[c.JUDGED],
            c.FAILED_ROWS: turns[c.FAILED],
            EARLY_FAILED_ROWS: turns[c.FAILED] & kinds[c.ENDED_EARLY],
            **kinds,
        }
    )
    runs = units.groupby(keys, sort=False).size().rename(c.RUNS)
    counts = flags.groupby(keys).sum().reindex(runs.index, fill_value=0)
    return counts.assign(**{c.RUNS: runs}).reset_index()


def dimension_counts(scores: pd.DataFrame) -> pd.DataFrame:
    """Count scores per benchmark x model x dimension; `fail_rate` is missing where nothing was scored."""
    keys = [c.BENCHMARK, c.MODEL, c.DIMENSION]
    counts = (
        scores[keys]
        .assign(
            **{
                c.SCORED: scores[c.PASSED].notna(),
                c.FAILED: (scores[c.PASSED] == False).fillna(value=False).astype(bool),  # noqa: E712 - null is neither
            }
        )
        .groupby(keys, observed=True, sort=False)
        .sum()
        .reset_index()
    )
    return _plain(counts).assign(
        **{c.FAIL_RATE: counts[c.FAILED] / counts[c.SCORED].where(counts[c.SCORED] > 0)}
    )


def error_mode_counts(turns: pd.DataFrame) -> pd.DataFrame:
    """Count failed rows per benchmark x model x error mode; `share` is of the model's failed rows."""
    keys = [c.BENCHMARK, c.MODEL]
    failed = turns.loc[turns[c.FAILED], [*keys, c.ERROR_MODE]]
    counts = (
        failed.groupby([*keys, c.ERROR_MODE], observed=True, sort=False)
        .size()
        .rename(c.FAILED_ROWS)
        .reset_index()
    )
    totals = counts.groupby(keys, observed=True)[c.FAILED_ROWS].transform("sum")
    return _plain(counts).assign(**{c.SHARE: counts[c.FAILED_ROWS] / totals})


def bucket_counts(turns: pd.DataFrame) -> pd.DataFrame:
    """Count failed rows per benchmark x model x bucket x bucket source (`review` or `rule`)."""
    keys = [c.BENCHMARK, c.MODEL, c.BUCKET, c.BUCKET_SOURCE]
    failed = turns.loc[turns[c.FAILED], keys]
    return _plain(failed.groupby(keys, observed=True, sort=False).size().rename(c.FAILED_ROWS).reset_index())


def major_bucket_sizes(failures: pd.DataFrame) -> dict[str, int]:
    """Name the major buckets of one model with their rows, largest first (DESIGN, the gate).

    One of its three largest, ties included, or at least 10% of its failed rows; rows that were filled in
    after the session had ended are left out. `failures` holds the failed rows of one model.
    """
    own = failures[failures[c.RESPONSE_KIND] != c.ENDED_EARLY]
    counts = sorted(
        own[c.BUCKET].astype("str").value_counts().items(), key=lambda item: (-item[1], str(item[0]))
    )
    third = counts[:_LARGEST][-1][1] if counts else 0
    return {str(bucket): n for bucket, n in counts if n >= third or n >= _MAJOR_SHARE * len(own)}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write categories as plain strings: a counted table is small, and easier to join."""
    return frame.astype({name: "str" for name, dtype in frame.dtypes.items() if dtype == "category"})
