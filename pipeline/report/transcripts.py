"""The report on transcripts alone: every turn with what is suspicious about it; nothing was judged, so no rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.report.blocks import Datapoint, Heading, Paragraph, Quote, Report
from pipeline.report.sections.interface import table
from pipeline.report.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from pipeline.load.records import Note
    from pipeline.report.blocks import Block
    from pipeline.report.frames import Record

_LIMIT: Final = 600
_TEXTS: Final = {"user_text": "User", "assistant_text": "Assistant", "golden_text": "Reference"}
_PAYLOADS: Final = {"tool_calls": "Tool calls", "tool_results": "Tool results", "expected_calls": "Expected calls"}


def build_transcript_report(name: str, turns: pd.DataFrame, notes: Sequence[Note]) -> Report:
    """Return the report on `turns`, one row per run x turn with `suspicions`."""
    stamp = f"NOT JUDGED (0 of {len(turns)} turns judged)"
    return Report(f"Manual error review: {name}", stamp, tuple(_blocks(turns, notes)))


def _blocks(turns: pd.DataFrame, notes: Sequence[Note]) -> Iterator[Block]:
    yield Paragraph(
        ("These turns were not judged: a suspicious turn has not failed, and an inconspicuous one has not passed.",)
    )
    suspicious = turns["suspicions"].map(bool)
    by = ["benchmark_name", "model_name", "run_id"]
    counts = suspicious.groupby([turns[name] for name in by], sort=False).agg(["size", "sum"])
    yield Heading(2, ("Runs",))
    cells = [(*key, str(row.size_), str(row.sum_), "not judged") for key, row in _rows(counts)]
    yield table(
        ["benchmark", "model", "run", "turns", "suspicious turns", "failed rows"],
        cells,
        words_in=("model", "run", "failed rows"),
    )
    if notes:
        yield Heading(2, ("Artifact notes",))
        found = [(note.severity, note.where, note.what) for note in notes]
        yield table(["severity", "where", "what"], found, words_in=("where", "what"))
    yield Heading(2, ("Turns",))
    for row in turns.itertuples(index=False):
        yield _turn(row)


def _rows(counts: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], Record]]:
    named = counts.rename(columns={"size": "size_", "sum": "sum_"})
    yield from zip(counts.index, named.itertuples(index=False), strict=True)


def _turn(row: Record) -> Datapoint:
    quotes = [
        _quote(label, getattr(row, name)) for name, label in _TEXTS.items() if isinstance(getattr(row, name), str)
    ]
    for name, label in _PAYLOADS.items():
        text = getattr(row, name)
        if isinstance(text, str) and text not in ("null", "[]"):
            quotes.append(Quote(label, shorten(text, _LIMIT), len(text), "json"))
    said = "; ".join(row.suspicions) or "nothing suspicious"
    return Datapoint(
        row.row_id, row.benchmark_name, row.model_name, row.turn, ((f"{row.model_name}: {said}",),), tuple(quotes)
    )


def _quote(label: str, text: str) -> Quote:
    return Quote(label, shorten(text, _LIMIT), len(text))
