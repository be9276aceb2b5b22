"""Settle which bucket counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.ledger.evidence import evidence_digest, quote_stands
from pipeline.ledger.settle import Settled, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.replay import Ledger


class ReviewedRow(NamedTuple):
    """A row that the ledger speaks of, as it is now, and where it stands."""

    row_id: str
    benchmark_name: str
    model_name: str
    run_id: str
    turn: int
    failed: bool
    early: bool
    """Filled in after the session had ended."""
    failed_dimensions: tuple[str, ...]
    provisional_mode: str | None
    """None on a row that did not fail."""
    settled: Settled
    quote_stands: bool | None
    """Whether the quote of what settles the row is in one of its texts; None without a quote."""

    @property
    def decided(self) -> bool:
        """Whether it failed and is settled."""
        return self.failed and self.settled.decision is not None

    @property
    def is_control(self) -> bool:
        """Whether it did not fail and somebody decided it as it is now."""
        return not self.failed and bool(self.settled.fitting)


_LOOKED_AT = (
    c.ROW_ID,
    c.BENCHMARK,
    c.MODEL,
    c.RUN_ID,
    c.TURN,
    c.FAILED,
    c.FAILED_DIMENSIONS,
    c.RESPONSE_KIND,
    c.ERROR_MODE,
    c.SCORES,
    *c.TEXTS,
)


def settle_rows(turns: pa.Table, ledger: Ledger) -> list[ReviewedRow]:
    """Settle the rows of `turns` that the ledger speaks of; they come with texts and `scores`."""
    wanted = is_among(turns[c.ROW_ID], ledger)
    if not pc.any(wanted).as_py():
        return []
    return [_settled(row, ledger) for row in turns.select(list(_LOOKED_AT)).filter(wanted).to_pylist()]


def is_among(row_ids: pa.ChunkedArray | pa.Array, ledger: Ledger) -> pa.ChunkedArray | pa.Array:
    """Tell which rows the ledger speaks of."""
    return pc.is_in(row_ids, pa.array(sorted(ledger.rows()), row_ids.type))


def _settled(row: dict[str, object], ledger: Ledger) -> ReviewedRow:
    row_id = str(row[c.ROW_ID])
    found = settle(ledger, row_id, evidence_digest(row))
    quote = found.decision.quote if found.decision else None
    return ReviewedRow(
        row_id=row_id,
        benchmark_name=str(row[c.BENCHMARK]),
        model_name=str(row[c.MODEL]),
        run_id=str(row[c.RUN_ID]),
        turn=int(row[c.TURN]),  # type: ignore[call-overload] # Arrow's own integers
        failed=bool(row[c.FAILED]),
        early=row[c.RESPONSE_KIND] == c.ENDED_EARLY,
        failed_dimensions=tuple(row[c.FAILED_DIMENSIONS]),  # type: ignore[arg-type] # a list of strings
        provisional_mode=row[c.ERROR_MODE],  # type: ignore[arg-type] # a string or null
        settled=found,
        quote_stands=None if quote is None else quote_stands(quote, row),
    )


def assign_buckets(turns: pa.Table, reviewed: Sequence[ReviewedRow] = ()) -> pa.Table:
    """Add `bucket` and `bucket_source`; null on rows that did not fail.

    The bucket of a failed row is what its reviewers settled (source `review`), else its error mode (`rule`).
    """
    text = pa.large_string()
    bucket = turns[c.ERROR_MODE]
    source = pc.if_else(turns[c.FAILED], pa.scalar(c.RULE, text), pa.scalar(None, text))
    settled = {row.row_id: row.settled.decision.bucket for row in reviewed if row.decided and row.settled.decision}
    if settled:
        place = pc.index_in(turns[c.ROW_ID], pa.array(list(settled), turns[c.ROW_ID].type))
        decided = pc.is_valid(place)
        names = pa.array(list(settled.values()), text).take(place)
        bucket = pc.if_else(decided, names, bucket.cast(text)).combine_chunks().dictionary_encode()
        source = pc.if_else(decided, pa.scalar(c.REVIEW, text), source)
    return turns.append_column(c.BUCKET, bucket).append_column(c.BUCKET_SOURCE, source.dictionary_encode())
