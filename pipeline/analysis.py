"""The Analysis: everything that one analysis found, as tables, as DataFrames, and as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.stages.packet import review_order, review_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd

    from pipeline.ledger.review import Review
    from pipeline.load.records import Note, Options, RejectedLine, RunInput

Record = dict[str, Any]
_Groups = dict[str, dict[str, list[Record]]]
_FAILURES: Final = "failures"


@dataclass(frozen=True, repr=False, eq=False)
class Analysis:
    """Everything that one analysis found. Its frames are ordinary DataFrames, made when first asked for.

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
    missing_runs: tuple[str, ...]
    """The runs that were left out on request, as `run_results.csv` wrote them."""
    tables: Mapping[str, pa.Table]
    """The tables as the stages made them, by name; the frames below are these as DataFrames."""
    fetch_texts: Callable[[list[str]], pa.Table]
    kept_texts: pa.Table | None = None
    """The five texts of all rows, in the order of `turns`, where these take little room."""
    _records: dict[str, _Groups] = field(default_factory=dict, init=False)

    @cached_property
    def turns(self) -> pd.DataFrame:
        """One row per run x turn (`schema.TURNS`); texts of failed rows only, the others by `texts`."""
        texts = to_frame(self.tables["failures"].select(list(c.TEXTS)))
        rows = to_frame(self.tables["turns"])
        return rows.join(texts.set_index(rows.index[rows[c.FAILED]]), validate="one_to_one")[list(c.TURNS)]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The long table: one row per run x turn x dimension; `passed` is true, false or missing."""
        return to_frame(self.tables["scores"])

    @cached_property
    def model_counts(self) -> pd.DataFrame:
        """One row per benchmark x model: runs, rows judged, incomplete and failed, sentinels."""
        return to_frame(self.tables["model_counts"])

    @cached_property
    def dimension_counts(self) -> pd.DataFrame:
        """One row per benchmark x model x dimension: `scored`, `failed`, `fail_rate`."""
        return to_frame(self.tables["dimension_counts"])

    @cached_property
    def error_mode_counts(self) -> pd.DataFrame:
        """One row per benchmark x model x error mode: `failed_rows`, `share` of the model's failed rows."""
        return to_frame(self.tables["error_mode_counts"])

    @cached_property
    def bucket_counts(self) -> pd.DataFrame:
        """One row per benchmark x model x bucket: `failed_rows`, `reviewed`, `provisional`, `major`."""
        return to_frame(self.tables["bucket_counts"])

    @cached_property
    def turn_outcomes(self) -> pd.DataFrame:
        """One row per benchmark x model x turn: `runs_judged`, `runs_failed`, `outcome`, `flaky`."""
        return to_frame(self.tables["turn_outcomes"])

    @cached_property
    def turn_difficulty(self) -> pd.DataFrame:
        """One row per benchmark x turn: how many models and runs were judged and failed; `comparable`."""
        return to_frame(self.tables["turn_difficulty"])

    @cached_property
    def turn_sets(self) -> pd.DataFrame:
        """One row per benchmark x set x model x turn: failed by all, unique fails, unique passes."""
        return to_frame(self.tables["turn_sets"])

    @cached_property
    def hardest_turns(self) -> pd.DataFrame:
        """The first ten comparable turns of each benchmark, hardest first; columns of `turn_difficulty`."""
        return to_frame(self.tables["hardest_turns"])

    @cached_property
    def reviews(self) -> pd.DataFrame:
        """One row per failed row: provisional mode, bucket, attribution, `review_state`, reviewers."""
        return to_frame(self.tables["reviews"])

    @property
    def unit(self) -> str:
        """The column of `turns` and `failures` that holds what is compared: `model_name`, or `run_id`."""
        return "model_name" if self.options.compare_by == "model" else "run_id"

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row per failed row, in the order of `turns` and with its index: all columns but the texts."""
        turns = self.turns.drop(columns=list(c.TEXTS))
        return turns[turns["failed"]]

    def evidence_of(self, row_ids: Iterable[str]) -> pd.DataFrame:
        """Return failed rows whole, texts too: one row per row id, in the order given, indexed by `row_id`."""
        return self.turns[self.turns["failed"]].set_index("row_id").loc[list(row_ids)]

    @property
    def status(self) -> c.Status:
        """Whether the report is provisional, in review, or final."""
        return self.review.status

    @property
    def packet(self) -> pd.DataFrame:
        """The review packet: one row per failed row, by benchmark, model, run, turn, with all evidence."""
        return to_frame(pa.concat_tables(self.packet_parts()).unify_dictionaries())

    def texts(self, row_ids: str | Iterable[str]) -> pd.DataFrame:
        """Fetch the five texts of any rows, passed ones too, from the judged files.

        Returns one row per row id, in the order given, indexed by `row_id`. Raises `KeyError` for an id that
        is no row of this analysis, and `InputError` when a file has changed since.
        """
        wanted = [row_ids] if isinstance(row_ids, str) else [str(row_id) for row_id in row_ids]
        return to_frame(self.fetch_texts(wanted)).set_index(c.ROW_ID)

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """List the benchmarks, in input order."""
        return tuple(dict.fromkeys(run.benchmark_name for run in self.inputs))

    def models(self, benchmark: str) -> tuple[str, ...]:
        """List what is compared on a benchmark (models, or runs), in input order."""
        return tuple(record[c.MODEL] for record in self.records("model_counts", benchmark))

    def is_compared(self, benchmark: str) -> bool:
        """Tell whether a benchmark has two models (or runs) to compare; with one there are no turn sets."""
        return len(self._records_of("model_counts").get(benchmark, {})) > 1

    def records(self, table: c.TableName, benchmark: str, model: str | None = None) -> list[Record]:
        """Give the rows of a counted table as plain records: of a benchmark, or of one compared model on it."""
        groups = self._records_of(table).get(benchmark, {})
        return groups.get(model, []) if model is not None else [row for rows in groups.values() for row in rows]

    def _records_of(self, table: c.TableName) -> _Groups:
        if table not in self._records:
            self._records[table] = _grouped(self.tables[table], c.MODEL)
        return self._records[table]

    def failure_records(self, benchmark: str, model: str) -> list[Record]:
        """Give the failed rows of one compared model, in order: what counts, and a `position` for `evidence`."""
        if _FAILURES not in self._records:
            unit = c.MODEL if self.options.compare_by == "model" else c.RUN_ID
            names = [c.BENCHMARK, unit, c.ROW_ID, c.RUN_ID, c.TURN, c.BUCKET, c.RESPONSE_KIND, c.FAILED_DIMENSIONS]
            rows = self.tables["failures"].select(list(dict.fromkeys(names)))
            groups = _grouped(rows.append_column(c.POSITION, pa.array(np.arange(len(rows)))), unit)
            self._records[_FAILURES] = groups
        return self._records[_FAILURES].get(benchmark, {}).get(model, [])

    def evidence(self, positions: Iterable[int]) -> dict[int, Record]:
        """Give whole failed rows, texts too, by their positions among the failed ones."""
        chosen = sorted(set(positions))
        rows = self.tables["failures"].take(pa.array(chosen, pa.int64()))
        return dict(zip(chosen, _as_records(rows), strict=True))

    def user_texts(self, benchmark: str) -> dict[int, str]:
        """Give the user text of the hardest turns of a benchmark, as far as some run failed them."""
        wanted = {record[c.TURN] for record in self.records("hardest_turns", benchmark)}
        positions = {
            failure[c.TURN]: failure[c.POSITION]
            for model in reversed(self.models(benchmark))
            for failure in reversed(self.failure_records(benchmark, model))
            if failure[c.TURN] in wanted
        }
        rows = self.evidence(positions.values())
        return {turn: rows[position][c.USER_TEXT] for turn, position in positions.items()}

    def packet_parts(self, size: int = 1000) -> Iterator[pa.Table]:
        """Give the review packet in parts, so that its texts are not held twice; at least one, maybe empty."""
        for start in range(0, max(len(self._order), 1), size):
            yield review_rows(self.tables["failures"].take(pa.array(self._order[start : start + size])))

    @cached_property
    def _order(self) -> np.ndarray:
        return review_order(self.tables["failures"])

    def __repr__(self) -> str:
        counts = self.tables["model_counts"]
        judged = pc.sum(counts[c.ROWS_JUDGED]).as_py()
        several = len(self.benchmarks) > 1
        found = f"{len(self.benchmarks)} benchmarks" if several else f"{self.failed_rows}/{judged} judged rows failed"
        units = f"{len(counts)} {self.options.compare_by}s"
        return f"<Analysis {self.name!r}: {len(self.inputs)} runs, {units}, {found}, {self.status}>"

    @cached_property
    def failed_rows(self) -> int:
        """Count the failed rows of all benchmarks."""
        return int(pc.sum(self.tables["model_counts"][c.FAILED_ROWS]).as_py())

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only a notebook needs it

        return f"<p>{escape(repr(self))}</p>{self.model_counts.to_html(index=False)}"


def by_unit(frame: pd.DataFrame, unit: str = "model_name") -> dict[tuple[str, str], list[Any]]:
    """Return the rows of a frame as named tuples, by benchmark and model (or the column `unit`), in order."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in frame.itertuples(index=False):
        groups.setdefault((row.benchmark_name, getattr(row, unit)), []).append(row)
    return groups


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Make a DataFrame of a table: repeated strings are categories, lists are lists, null is not false."""
    import pandas as pd  # noqa: PLC0415 - the command never needs it, and it takes longer than a small analysis

    nullable = {c.PASSED: pd.BooleanDtype(), c.RUN_INDEX: pd.Int64Dtype()}
    columns = {}
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_list(kind):
            columns[name] = pd.Series(table[name].to_pylist(), dtype=object)
        else:
            columns[name] = table[name].to_pandas(types_mapper={kind: nullable.get(name)}.get)
    return pd.DataFrame(columns)


def _as_records(table: pa.Table) -> list[Record]:
    names = table.column_names
    columns = [as_list(table[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _grouped(table: pa.Table, unit: str) -> _Groups:
    """Group records by benchmark and what is compared; a table of whole benchmarks groups by benchmark alone."""
    groups: _Groups = {}
    for record in _as_records(table):
        groups.setdefault(record[c.BENCHMARK], {}).setdefault(record.get(unit, ""), []).append(record)
    return groups
