"""The tables of an Analysis as plain rows, read once and shared by the sections of a report."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline import schema as c
from pipeline.report.frames import MODEL, grouped, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.analysis import Analysis
    from pipeline.ledger.gate import Unit
    from pipeline.report.frames import Record

    BucketKey = tuple[str, str, str]
    """Benchmark, model (or run), and a bucket that finer ones count for."""

_PER_BUCKET: Final = 3
_BUCKET: Final = ("bucket", "bucket_source", "error_mode_confidence")
_LABEL: Final = [f"error_mode{part}" for part in ("", "_rule", "_evidence", "_runner_up", "_confidence")]
_EVIDENCE: Final = ["turn", "failed_dimensions", *_LABEL, *c.TEXTS, *c.OF_REFERENCE]


class FailedRow(NamedTuple):
    """A failed row without its texts."""

    benchmark_name: str
    model_name: str
    """What is compared: the model, or the run."""
    row_id: str
    turn: int
    response_kind: str
    failed_dimensions: Sequence[str]
    bucket: str
    bucket_source: str
    error_mode_confidence: str

    @property
    def reviewed(self) -> bool:
        """Whether reviewers settled the row."""
        return self.bucket_source == c.REVIEW

    @property
    def tentative(self) -> bool:
        """Whether the bucket is a tentative label of the rules."""
        return not self.reviewed and self.error_mode_confidence == c.TENTATIVE


@dataclass(frozen=True, slots=True)
class ParentCounts:
    """How many failed rows of a model count for a bucket, those of its finer buckets included."""

    unit: Unit
    parent: str
    failed_rows: int
    reviewed: int
    provisional: int
    tentative: int
    """How many of the provisional ones have a tentative label."""


@dataclass(frozen=True)
class AnalysisRows:
    """The rows of an Analysis, each table read when it is first asked for.

    In the counted tables a key that is not there has no rows.
    """

    analysis: Analysis

    @cached_property
    def models(self) -> Mapping[str, list[Record]]:
        """The model counts by benchmark, in input order."""
        return grouped(self.analysis.model_counts, ["benchmark_name"])

    @cached_property
    def dimensions(self) -> Mapping[Unit, list[Record]]:
        """The dimension counts by model."""
        return grouped(self.analysis.dimension_counts, MODEL)

    def worst_dimensions(self, unit: Unit) -> list[Record]:
        """Return the dimension counts of a model, the most failed first; equal ones by name."""
        return sorted(self.dimensions[unit], key=lambda row: (-row.failed, row.dimension))

    @cached_property
    def error_modes(self) -> Mapping[Unit, list[Record]]:
        """The error mode counts by model."""
        return grouped(self.analysis.error_mode_counts, MODEL)

    @cached_property
    def buckets(self) -> Mapping[Unit, list[Record]]:
        """The bucket counts by model."""
        return grouped(self.analysis.bucket_counts, MODEL)

    @cached_property
    def parents(self) -> Mapping[Unit, list[ParentCounts]]:
        """The bucket counts by model, finer buckets added to their parents; by name."""
        sizes: dict[Unit, list[ParentCounts]] = defaultdict(list)
        for unit, rows in self.buckets.items():
            of_parent: dict[str, list[Record]] = defaultdict(list)
            for row in rows:
                of_parent[self.analysis.review.buckets.parent(row.bucket)].append(row)
            for parent, parts in sorted(of_parent.items()):
                names = ("failed_rows", "reviewed", "provisional", "tentative")
                counts = [sum(getattr(row, name) for row in parts) for name in names]
                sizes[unit].append(ParentCounts(unit, parent, *counts))
        return sizes

    @cached_property
    def turns(self) -> Mapping[str, list[Record]]:
        """The turns of a benchmark (`turn_difficulty`)."""
        return grouped(self.analysis.turn_difficulty, ["benchmark_name"])

    @cached_property
    def hardest_turns(self) -> Mapping[str, list[Record]]:
        """The hardest turns of a benchmark."""
        return grouped(self.analysis.hardest_turns, ["benchmark_name"])

    @cached_property
    def turn_sets(self) -> Mapping[tuple[str, str, str], list[int]]:
        """The turns of each set, by benchmark, model (empty for the shared set) and set."""
        sets: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for row in records(self.analysis.turn_sets):
            sets[row.benchmark_name, row.model_name, row.set].append(row.turn)
        return sets

    @cached_property
    def failures(self) -> Mapping[str, list[FailedRow]]:
        """The failed rows of a benchmark, one model's after the other's, each in input order."""
        names = ("benchmark_name", self.analysis.unit, "row_id", "turn", "response_kind", "failed_dimensions")
        columns = [self.analysis.failures[name].tolist() for name in (*names, *_BUCKET)]
        of_unit: dict[Unit, list[FailedRow]] = defaultdict(list)
        for row in map(FailedRow._make, zip(*columns, strict=True)):
            of_unit[row.benchmark_name, row.model_name].append(row)
        return {
            benchmark: [row for model in self.analysis.models(benchmark) for row in of_unit[benchmark, model]]
            for benchmark in self.analysis.benchmarks
        }

    def all_failures(self) -> Iterator[FailedRow]:
        """Return the failed rows of all benchmarks."""
        return chain.from_iterable(self.failures.values())

    def parent(self, row: FailedRow) -> str:
        """Return the bucket that a failed row counts for."""
        return self.analysis.review.buckets.parent(row.bucket)

    @cached_property
    def in_bucket(self) -> Mapping[BucketKey, list[FailedRow]]:
        """The failed rows that count for a bucket of a model."""
        groups: dict[BucketKey, list[FailedRow]] = defaultdict(list)
        for row in self.all_failures():
            groups[row.benchmark_name, row.model_name, self.parent(row)].append(row)
        return groups

    @cached_property
    def datapoints(self) -> Mapping[BucketKey, list[FailedRow]]:
        """The rows to show of each major bucket of each model."""
        return {
            (*standing.unit, standing.bucket): choose_datapoints(
                self.in_bucket[*standing.unit, standing.bucket], standing.finding.row_ids if standing.finding else ()
            )
            for standing in self.analysis.review.standings
        }

    @cached_property
    def examples(self) -> Mapping[tuple[str, int], FailedRow]:
        """The first failed row of each hardest turn that some run failed, by benchmark and turn."""
        first: dict[tuple[str, int], FailedRow] = {}
        for benchmark, rows in self.failures.items():
            turns = {row.turn for row in self.hardest_turns[benchmark]}
            for row in rows:
                if row.turn in turns:
                    first.setdefault((benchmark, row.turn), row)
        return first

    @cached_property
    def evidence(self) -> Mapping[str, Record]:
        """What a report shows of failed rows, by row id: of the datapoints, and of the examples of the hardest turns.

        They are read in one go, because reading any number of them takes about the same time.
        """
        shown = [row for rows in self.datapoints.values() for row in rows]
        row_ids = dict.fromkeys(row.row_id for row in (*shown, *self.examples.values()))
        return {row.row_id: row for row in records(self.analysis.evidence_of(row_ids)[_EVIDENCE].reset_index())}


def choose_datapoints(rows: Sequence[FailedRow], cited: Iterable[str] = ()) -> list[FailedRow]:
    """Return those rows of a bucket of a model that a report shows, in the order to show them.

    First come the rows that the bucket's finding cites, all of them; then, up to three in all, other rows by turn
    number, one per turn, without those that were filled in after the session had ended.
    """
    place = {row_id: number for number, row_id in enumerate(cited)}
    first = sorted((row for row in rows if row.row_id in place), key=lambda row: place[row.row_id])
    others: dict[int, FailedRow] = {}
    for row in rows:
        if row.row_id not in place and row.response_kind != c.ENDED_EARLY:
            others.setdefault(row.turn, row)
    more = max(_PER_BUCKET - len(first), 0)
    return first + [others[turn] for turn in sorted(others)[:more]]
