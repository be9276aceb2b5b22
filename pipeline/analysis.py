"""The Analysis: everything that one analysis found, as DataFrames."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import schema
from pipeline.stages.packet import packet_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.ledger.review import Review
    from pipeline.load.records import GivenFile, Note, Options, RejectedLine, RunInput

_TEXTS = list(schema.TEXTS)


@dataclass(frozen=True, repr=False, eq=False)
class Analysis:
    """Everything that one analysis found. Its tables are ordinary DataFrames.

    In the count and set tables `model_name` is what is compared: the model, or with `compare_by="run"` the
    run id. In `turns`, `scores`, `packet` and `inputs` it is always the model.
    """

    name: str
    """The comparison folder's name, or the benchmarks' names."""
    review: Review
    """What reviewers decided, and what the gate still asks for."""
    options: Options
    included_dimensions: tuple[str, ...]
    rules_sha256: str
    rules_name: str
    inputs: tuple[RunInput, ...]
    notes: tuple[Note, ...]
    rejected: tuple[RejectedLine, ...]
    """The bad lines that were left out on request."""
    given: tuple[GivenFile, ...]
    """The references of the benchmarks, and the turn metadata, which has no benchmark."""
    missing_runs: tuple[str, ...]
    """The runs that were left out on request, as `run_results.csv` wrote them."""
    light_turns: pd.DataFrame
    """One row per run x turn (`schema.LIGHT_TURNS`): what is kept of every row, under its number from 0."""
    failures: pd.DataFrame
    """One row per failed row, under its index in `turns`: all columns of `turns` but the texts."""
    failure_texts: pd.DataFrame | None
    """The five texts and `scores` (JSON text) of the failed rows, under their index; `None` if they are not kept."""
    failure_sizes: pd.DataFrame
    """The sizes of the five texts of the failed rows in bytes, under their index."""
    long_scores: pd.DataFrame
    """The one long table (`schema.LONG_SCORES`): one row per run x turn x included dimension."""
    model_counts: pd.DataFrame
    """One row per benchmark x model: runs, rows judged, incomplete and failed, `fail_rate`, sentinels."""
    dimension_counts: pd.DataFrame
    """One row per benchmark x model x dimension: `scored`, `failed`, `fail_rate`."""
    error_mode_counts: pd.DataFrame
    """One row per benchmark x model x error mode: `failed_rows`, `share` of the model's failed rows."""
    bucket_counts: pd.DataFrame
    """One row per benchmark x model x bucket: `failed_rows`, `reviewed`, `provisional`, `tentative`, `major`."""
    turn_outcomes: pd.DataFrame
    """One row per benchmark x model x turn: `runs_judged`, `runs_failed`, `outcome`, `flaky`."""
    turn_difficulty: pd.DataFrame
    """One row per benchmark x turn: how many models and runs were judged and failed; `comparable`."""
    turn_sets: pd.DataFrame
    """One row per benchmark x set x model x turn: failed by all, unique fails, unique passes."""
    hardest_turns: pd.DataFrame
    """The first ten comparable turns of each benchmark, hardest first; columns of `turn_difficulty`."""
    pipeline_losses: pd.DataFrame
    """One row per run x thing that the harness lost, excluded or changed: its `kind`, and its turn if it has one."""
    turn_metadata: pd.DataFrame
    """One row per benchmark x turn x column x value: the reference's categories, and what `--turn-metadata` brings."""
    category_counts: pd.DataFrame
    """One row per benchmark x model x column x value of `turn_metadata`: `rows_judged`, `failed_rows`, `fail_rate`."""
    verdict_candidates: pd.DataFrame
    """One row per row whose verdict may be wrong, with the `reason`."""
    signs: pd.DataFrame
    """One row per benchmark x model x sign of a broken response: judged rows with and without it, failed ones."""
    recurring: pd.DataFrame
    """One row per benchmark x error mode x phrase that recurs in the judge's reasoning, with an example."""
    reviews: pd.DataFrame
    """One row per failed row: provisional mode, bucket, attribution, `review_state`, reviewers."""
    read_texts: Callable[[pd.DataFrame], pd.DataFrame]
    """Reads the texts of rows (`row_id`, `run_id`, `source_line`) again from the judged files."""

    @cached_property
    def turns(self) -> pd.DataFrame:
        """One row per run x turn (`schema.TURNS`); texts of failed rows only, those of others by `texts`."""
        of_failed = self.failures[list(schema.OF_FAILED_ROWS)].join(self._texts_of_failures, validate="one_to_one")
        turns = self.light_turns.join(of_failed, validate="one_to_one")
        nothing = pd.Series([[]] * len(turns), turns.index)
        filled = turns.assign(failed_dimensions=turns["failed_dimensions"].where(turns["failed"], nothing))
        return schema.conform(filled, schema.TURNS)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The long table: one row per run x turn x dimension; `passed` is true, false or missing."""
        return score_rows(self.long_scores, self.name)

    @cached_property
    def _texts_of_failures(self) -> pd.DataFrame:
        if self.failure_texts is not None:
            return self.failure_texts[_TEXTS]
        return self.read_texts(self.failures).set_axis(self.failures.index)

    def texts(self, row_ids: str | Iterable[str]) -> pd.DataFrame:
        """Return the five texts of any rows, passed ones too, read again from the judged files.

        One row per row id, in the order given, indexed by `row_id`. Raises `KeyError` for an id that is no row of
        this analysis, and `InputError` when a file has changed since.
        """
        wanted = [row_ids] if isinstance(row_ids, str) else [str(row_id) for row_id in row_ids]
        rows = self.light_turns[self.light_turns["row_id"].isin(wanted)].set_index("row_id", drop=False)
        if unknown := sorted(set(wanted) - set(rows.index)):
            raise KeyError(f"no such row: {', '.join(unknown)}")
        return self.read_texts(rows.loc[wanted])

    def tool_calls(self, row_ids: str | Iterable[str]) -> pd.Series:
        """Return the tool calls of any rows as Python objects (lists of dictionaries), indexed by `row_id`."""
        return self.texts(row_ids)["tool_calls"].map(lambda text: json.loads(text) or [])

    def outcomes(self, benchmark: str | None = None) -> pd.DataFrame:
        """Return the turn outcomes as a matrix: one row per benchmark x model, one column per turn.

        With `benchmark` only its models, indexed by `model_name`. A cell is `failed`, `passed` or `not_judged`, and
        missing where the benchmark has no such turn. Raises `KeyError` for a benchmark that is not there.
        """
        if benchmark is not None and benchmark not in self.benchmarks:
            raise KeyError(f"no such benchmark: {benchmark}")
        cells = self.turn_outcomes.astype({"benchmark_name": "str", "model_name": "str", "outcome": "str"})
        index = ["benchmark_name", "model_name"]
        if benchmark is not None:
            cells, index = cells[cells["benchmark_name"].eq(benchmark)], ["model_name"]
        wide = cells.pivot(index=index, columns="turn", values="outcome")
        return wide.loc[cells[index].drop_duplicates().set_index(index).index]

    def evidence_of(self, row_ids: Iterable[str]) -> pd.DataFrame:
        """Return failed rows whole, texts too: one row per row id, in the order given, indexed by `row_id`."""
        wanted = list(row_ids)
        rows = self.failures[self.failures["row_id"].isin(wanted)]
        if self.failure_texts is not None:
            rows = rows.join(self.failure_texts[_TEXTS], validate="one_to_one").set_index("row_id")
        else:
            rows = rows.set_index("row_id", drop=False)
            rows = rows.drop(columns="row_id").join(self.read_texts(rows), validate="one_to_one")
        return rows.loc[wanted]

    @property
    def packet(self) -> pd.DataFrame:
        """The review packet: one row per failed row, by benchmark, model, run, turn, with all evidence."""
        if self.failure_texts is None:
            raise ValueError("the packet is in the analysis folder: its texts are too many to be kept in memory")
        return packet_rows(self.failures.join(self.failure_texts, validate="one_to_one"))

    @property
    def unit(self) -> str:
        """The column of `turns` and `failures` that holds what is compared: `model_name`, or `run_id`."""
        return "model_name" if self.options.compare_by == "model" else "run_id"

    @property
    def status(self) -> schema.Status:
        """Whether the report is provisional, in review, or final."""
        return self.review.status

    @property
    def stamp(self) -> str:
        """The status with its counts: `IN REVIEW (12 of 33 failed rows reviewed; 640 of 652 turns judged)`.

        The turns stand there only where a turn has no row or was lost; judged are the rows with at least one score.
        """
        counts = [f"{len(self.review.decided)} of {self.failed_rows} failed rows reviewed"]
        turns = sum(run.rows if run.turns is None else run.turns for run in self.inputs)
        if any(run.turns is not None for run in self.inputs):
            counts.append(f"{int(self.model_counts['rows_judged'].sum())} of {turns} turns judged")
        return f"{self.status.replace('_', ' ').upper()} ({'; '.join(counts)})"

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The benchmarks, in input order."""
        return tuple(dict.fromkeys(run.benchmark_name for run in self.inputs))

    def models(self, benchmark: str) -> tuple[str, ...]:
        """Return what is compared on a benchmark (models, or runs), in input order."""
        return self._models.get(benchmark, ())

    @cached_property
    def _models(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, list[str]] = {}
        for benchmark, model in zip(self.model_counts["benchmark_name"], self.model_counts["model_name"], strict=True):
            names.setdefault(benchmark, []).append(model)
        return {benchmark: tuple(models) for benchmark, models in names.items()}

    def is_compared(self, benchmark: str) -> bool:
        """Whether a benchmark has two models (or runs) to compare; with one there are no turn sets."""
        return len(self.models(benchmark)) > 1

    @property
    def failed_rows(self) -> int:
        """The number of failed rows of all benchmarks."""
        return len(self.failures)

    def __repr__(self) -> str:
        judged = int(self.model_counts["rows_judged"].sum())
        several = len(self.benchmarks) > 1
        found = f"{len(self.benchmarks)} benchmarks" if several else f"{self.failed_rows}/{judged} judged rows failed"
        units = f"{len(self.model_counts)} {self.options.compare_by}s"
        return f"<Analysis {self.name!r}: {len(self.inputs)} runs, {units}, {found}, {self.status}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.model_counts.to_html(index=False)}"


def score_rows(scores: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """Return the long table as users have it, with `row_id` and `comparison`: one row per run x turn x dimension."""
    turn = scores["turn"].astype("int64")
    row_id = scores["run_id"].astype("str") + ":" + turn.astype("str")
    name = pd.Categorical([comparison]).repeat(len(scores))
    return schema.conform(scores.assign(row_id=row_id, comparison=name, turn=turn), schema.SCORE_ROWS)


def by_unit(frame: pd.DataFrame, unit: str = "model_name") -> dict[tuple[str, str], list[Any]]:
    """Return the rows of a frame as named tuples, by benchmark and model (or the column `unit`), in order."""
    groups: dict[tuple[str, str], list[Any]] = {}
    rows: Iterable[Any] = frame.itertuples(index=False)
    for row in rows:
        groups.setdefault((row.benchmark_name, getattr(row, unit)), []).append(row)
    return groups
