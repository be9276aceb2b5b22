"""Count: rows and failures per model, dimension, error mode and bucket, each with its denominator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c

if TYPE_CHECKING:
    import pandas as pd

EARLY_FAILED_ROWS: Final = "early_failed_rows"
"""Failed rows that the harness filled in after the session had ended: consequences, not new mistakes."""
REVIEWED: Final = "reviewed"
PROVISIONAL: Final = "provisional"
OWN_ROWS: Final = "own_rows"
MAJOR: Final = "major"
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
    return _plain(counts).assign(**{c.FAIL_RATE: counts[c.FAILED] / counts[c.SCORED].where(counts[c.SCORED] > 0)})


def error_mode_counts(turns: pd.DataFrame) -> pd.DataFrame:
    """Count failed rows per benchmark x model x error mode; `share` is of the model's failed rows."""
    keys = [c.BENCHMARK, c.MODEL]
    failed = turns.loc[turns[c.FAILED], [*keys, c.ERROR_MODE]]
    counts = failed.groupby([*keys, c.ERROR_MODE], observed=True, sort=False).size().rename(c.FAILED_ROWS).reset_index()
    totals = counts.groupby(keys, observed=True)[c.FAILED_ROWS].transform("sum")
    return _plain(counts).assign(**{c.SHARE: counts[c.FAILED_ROWS] / totals})


def bucket_counts(turns: pd.DataFrame) -> pd.DataFrame:
    """Count failed rows per benchmark x model x bucket, reviewed and provisional apart, largest bucket first.

    `own_rows` leaves out the rows that were filled in after the session had ended. By these a bucket is
    *major*: one of the model's three largest, ties included, or at least 10% of its failed rows
    (DESIGN, the gate).
    """
    keys = [c.BENCHMARK, c.MODEL]
    failed = turns[turns[c.FAILED].to_numpy()][[*keys, c.BUCKET, c.BUCKET_SOURCE, c.RESPONSE_KIND]]
    flags: dict[str, Any] = {
        c.FAILED_ROWS: 1,
        REVIEWED: failed[c.BUCKET_SOURCE] == c.REVIEW,
        PROVISIONAL: failed[c.BUCKET_SOURCE] == c.RULE,
        OWN_ROWS: failed[c.RESPONSE_KIND] != c.ENDED_EARLY,
    }
    sums = failed[[*keys, c.BUCKET]].assign(**flags).groupby([*keys, c.BUCKET], observed=True, sort=False).sum()
    counts = _plain(sums.reset_index()).sort_values([OWN_ROWS, c.BUCKET], ascending=[False, True], ignore_index=True)
    own = counts[OWN_ROWS]
    of_model = counts.groupby(keys, sort=False)
    third = own.where(of_model.cumcount() < _LARGEST).groupby([counts[key] for key in keys]).transform("min")
    share = own / of_model[OWN_ROWS].transform("sum").clip(lower=1)
    return counts.assign(**{MAJOR: (own > 0) & ((own >= third) | (share >= _MAJOR_SHARE))})


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write categories as plain strings: a counted table is small, and easier to join."""
    return frame.astype({name: "str" for name, dtype in frame.dtypes.items() if dtype == "category"})
