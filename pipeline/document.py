"""The two things that leave the pipeline: the Analysis (all frames) and the Report (content as blocks)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from pipeline.records import Note, Options, RejectedLine, RunInput


@dataclass(frozen=True, repr=False, eq=False)
class Analysis:
    """Everything that one analysis found. The frames are ordinary DataFrames; treat them as read-only.

    In the count and set tables `model_name` is what is compared: the model, or with `compare_by="run"` the
    run id. In `turns`, `scores`, `packet` and `inputs` it is always the model.
    """

    name: str
    """The comparison folder's name, or the benchmarks' names."""
    status: c.Status
    options: Options
    included_dimensions: tuple[str, ...]
    rules_sha256: str
    rules_name: str
    inputs: tuple[RunInput, ...]
    notes: tuple[Note, ...]
    rejected: tuple[RejectedLine, ...]

    turns: pd.DataFrame
    """One row per run x turn (`schema.TURNS`); texts of failed rows only, the others by `texts`."""
    scores: pd.DataFrame
    """The long table: one row per run x turn x dimension; `passed` is true, false or missing."""
    packet: pd.DataFrame
    """One row per failed row, ordered by benchmark, model, run, turn, with all evidence."""
    model_counts: pd.DataFrame
    """One row per benchmark x model: runs, rows judged, incomplete and failed, sentinels."""
    dimension_counts: pd.DataFrame
    """One row per benchmark x model x dimension: `scored`, `failed`, `fail_rate`."""
    error_mode_counts: pd.DataFrame
    """One row per benchmark x model x error mode: `failed_rows`, `share` of the model's failed rows."""
    bucket_counts: pd.DataFrame
    """One row per benchmark x model x bucket x bucket source: `failed_rows`."""
    turn_outcomes: pd.DataFrame
    """One row per benchmark x model x turn: `runs_judged`, `runs_failed`, `outcome`, `flaky`."""
    turn_difficulty: pd.DataFrame
    """One row per benchmark x turn: how many models and runs were judged and failed; `comparable`."""
    turn_sets: pd.DataFrame
    """One row per benchmark x set x model x turn: failed by all, unique fails, unique passes."""

    fetch_texts: Callable[[list[str]], pd.DataFrame] = field(kw_only=True)

    def texts(self, row_ids: Iterable[str]) -> pd.DataFrame:
        """Fetch the five texts of any rows, passed ones too, from the judged files.

        Returns one row per row id, in the order given, indexed by `row_id`. Raises `KeyError` for an id that
        is no row of this analysis, and `InputError` when a file has changed since.
        """
        return self.fetch_texts(list(row_ids))

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The benchmarks, in input order."""
        return tuple(dict.fromkeys(run.benchmark_name for run in self.inputs))

    def models(self, benchmark: str) -> tuple[str, ...]:
        """What is compared on a benchmark (models, or runs), in input order."""
        counts = self.model_counts
        return tuple(counts.loc[counts[c.BENCHMARK] == benchmark, c.MODEL])

    def failures(self, benchmark: str, model: str) -> pd.DataFrame:
        """The failed rows of one compared model, with texts, by run and turn."""
        unit = c.MODEL if self.options.compare_by == "model" else c.RUN_ID
        turns = self.turns
        mask = turns[c.FAILED] & (turns[c.BENCHMARK] == benchmark) & (turns[unit] == model)
        return turns[mask]

    def __repr__(self) -> str:
        counts = self.model_counts
        judged, failed = counts[c.ROWS_JUDGED].sum(), counts[c.FAILED_ROWS].sum()
        return (
            f"<Analysis {self.name!r}: {len(self.inputs)} runs, {len(counts)} {self.options.compare_by}s, "
            f"{failed}/{judged} judged rows failed, {self.status}>"
        )

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only a notebook needs it

        return f"<p>{escape(repr(self))}</p>{self.model_counts.to_html(index=False)}"


# --- The report: content as data, for any renderer -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Code:
    """A name from the data or a file, set as code."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that matter."""

    text: str


Inline = str | Code | Strong
Inlines = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; level 2 is a section, 3 and 4 lie inside."""

    level: Literal[2, 3, 4]
    content: Inlines


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    content: Inlines


@dataclass(frozen=True, slots=True)
class BulletList:
    """Points, each a few words or sentences."""

    items: tuple[Inlines, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `numeric` tells which columns hold figures and are set to the right."""

    header: tuple[str, ...]
    rows: tuple[Inlines, ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody wrote, verbatim but for its length; `whole` is its full length in characters."""

    label: str
    text: str
    whole: int
    kind: Literal["text", "json"] = "text"

    @property
    def cut(self) -> bool:
        """Whether the text was shortened."""
        return self.whole > len(self.text)


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One failed row as evidence: where it is, what was marked, and what was said."""

    row_id: str
    turn: int
    facts: tuple[Inlines, ...]
    quotes: tuple[Quote, ...]


Block = Heading | Paragraph | BulletList | Table | Datapoint


@dataclass(frozen=True, slots=True)
class Report:
    """The report before it is rendered: its title, its stamp, and its blocks in reading order."""

    title: str
    stamp: str
    blocks: tuple[Block, ...]

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)
