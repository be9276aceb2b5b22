"""Choose the texts to embed, the most wanted first, cut to a limit at which they fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline import schema
from pipeline.export.formats.page.turns import by_hardness
from pipeline.report.text import one_line, shorten, visible
from pipeline.schema import NO_PAYLOAD
from pipeline.stages.tables import text_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipeline.analysis import Analysis
    from pipeline.ledger.review import ReviewedRow

_LIMITS: Final = (20_000, 6000, 3000, 1500, 800, 400, 250)
"""The limits on the length of a text in characters, tried in this order until everything fits."""
_READABLE: Final = 1500
"""Before texts are cut shorter than this, answers of rows that did not fail are left out."""
_FEWER_ANSWERS: Final = (1000, 250)
"""How many of these answers are kept where not all fit."""
_FEW: Final = 1500
"""Where not everything fits, at most this many rows have texts."""
_ALL: Final = 30_000
"""Of more failed rows than this, only those of the heat maps and the datapoints are considered."""
_ROW_COST: Final = 90
"""The bytes that each row takes as JSON beside its texts, estimated."""
_JSON_OVERHEAD: Final = 1.15
"""How many times longer texts become as JSON, estimated."""
_TEXTS: Final = list(schema.TEXTS)
Text = str | list[Any]
"""A text, or a cut one and its whole length in characters."""


@dataclass(frozen=True)
class Attempt:
    """A selection of texts that may fit: the limit of each, and of how many failed rows and answers there are texts."""

    limit: int
    failed: int
    answers: int


@dataclass(frozen=True)
class Selection:
    """The texts that were selected, each shown as `visible` does."""

    failed: dict[int, list[Text]]
    """Failed rows by label: answer, judge, calls, results, rule, decisions, and the user's text if it differs."""
    answers: dict[int, list[Text]]
    """Rows that did not fail by label: answer, judge, calls, results."""
    users: list[dict[int, Text]]
    """For each heat map the user's texts by turn."""
    cut: bool
    """Whether any text is cut."""


def by_priority(analysis: Analysis, cells: pd.DataFrame, first: Iterable[str]) -> list[int]:
    """Return the labels of the failed rows, those whose texts matter most first.

    First the rows with the ids `first`, then those of the heat maps by hardness, then all others if not too many.
    """
    failures = analysis.failures
    labels = pd.Series(failures.index, index=failures["row_id"])
    named = labels.loc[[row_id for row_id in first if row_id in labels.index]]
    on_map = by_hardness(cells[cells["row_failed"]])["row"]
    others = failures.index if len(failures) <= _ALL else ()
    return list(dict.fromkeys([*named, *on_map, *others]))


class TextSelector:
    """Selects from the texts of the failed rows, and from the answers of rows that did not fail."""

    def __init__(self, analysis: Analysis, answers: pd.DataFrame) -> None:
        """Take the answers as `passed_answers` returns them."""
        self._analysis = analysis
        self._answers = answers

    def attempts(self, wanted: int, room: int) -> Iterator[Attempt]:
        """Yield the selections to try for a room in bytes, the best first; `wanted` failed rows are considered.

        At first those estimated to fit with all failed rows: long texts are preferred to many answers, and fewer
        answers to short texts. Then the shortest texts of ever fewer rows.
        """
        available = len(self._answers)
        numbers = sorted({min(number, available) for number in (available, *_FEWER_ANSWERS)}, reverse=True)
        if wanted == len(self._analysis.failures):
            size = self._size_estimate()
            for readable in (True, False):
                limits = [limit for limit in _LIMITS if (limit >= _READABLE) is readable]
                tries = (Attempt(limit, wanted, number) for number in numbers for limit in limits)
                yield from (attempt for attempt in tries if size(attempt) <= room)
        few = min(wanted, _FEW)
        for halvings in range(few.bit_length()):
            yield Attempt(_LIMITS[-1], few >> halvings, numbers[-1] >> halvings)

    def _size_estimate(self) -> Callable[[Attempt], float]:
        """Return a function that estimates the size in bytes of an attempt with all failed rows."""
        failed = self._analysis.failure_sizes
        answers = text_sizes(self._answers)
        # The user's text of a turn is embedded once.
        answers["user_text"] = answers["user_text"].mask(self._answers.duplicated(["heat_map", "turn"]), 0)

        @cache
        def of_limit(limit: int) -> tuple[int, list[int]]:
            of_answers = answers.clip(upper=limit).sum(axis="columns").cumsum()
            return int(failed.clip(upper=limit).sum().sum()), [0, *of_answers]

        def size(attempt: Attempt) -> float:
            of_failed, of_answers = of_limit(attempt.limit)
            rows = len(failed) + attempt.answers
            return (of_failed + of_answers[attempt.answers]) * _JSON_OVERHEAD + _ROW_COST * rows

        return size

    def select(self, labels: list[int], answers: int, limit: int) -> Selection:
        """Return the texts of failed rows by label, and of the first `answers` others, each cut to a limit."""
        cut = _Cutter(limit)
        benchmarks = self._analysis.benchmarks
        users: list[dict[int, Text]] = [{} for _ in benchmarks]
        failed = self._of_failed(labels, dict(zip(benchmarks, users, strict=True)), cut)
        found: dict[int, list[Text]] = {}
        rows: Iterable[Any] = self._answers.head(answers).itertuples()
        for row in rows:
            known = users[row.heat_map]
            if row.turn not in known:
                known[row.turn] = cut(row.user_text)
            found[row.Index] = _said(row, cut)
        return Selection(failed, found, users, cut.times > 0)

    def _of_failed(self, labels: list[int], users: dict[str, dict[int, Text]], cut: _Cutter) -> dict[int, list[Text]]:
        """Return the texts of failed rows, and add the user's texts to `users`, by benchmark and turn."""
        names = ["benchmark_name", "turn", "row_id", "error_mode_rule", "error_mode_evidence", *_TEXTS]
        reviewed = {row.row_id: row for row in self._analysis.review.rows}
        found: dict[int, list[Text]] = {}
        row_ids = self._analysis.failures["row_id"].loc[labels]
        rows: Iterable[Any] = self._analysis.evidence_of(row_ids).reset_index()[names].set_axis(labels).itertuples()
        for row in rows:
            user = cut(row.user_text)
            own = _said(row, cut)
            own.append(cut(f"rule {row.error_mode_rule} saw “{one_line(row.error_mode_evidence)}”"))
            own.append(cut(_decided(reviewed.get(row.row_id))))
            if users[row.benchmark_name].setdefault(row.turn, user) != user:
                own.append(user)
            found[row.Index] = own
        return found


class _Cutter:
    """Cuts texts to a limit and counts how many it cut; a cut text comes with its whole length."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.times = 0

    def __call__(self, text: str) -> Text:
        if len(text) <= self._limit:
            return visible(text)
        self.times += 1
        return [visible(shorten(text, self._limit)), len(text)]


def _said(row: Any, cut: _Cutter) -> list[Text]:  # noqa: ANN401 - a named tuple of a DataFrame
    """Return answer, judge, calls and results; empty texts for calls and results that there were none of."""
    payloads = ("" if re.match(NO_PAYLOAD, text) else cut(text) for text in (row.tool_calls, row.tool_results))
    return [cut(row.assistant_text), cut(row.judge_reasoning), *payloads]


def _decided(row: ReviewedRow | None) -> str:
    """Return what reviewers decided on a row, in words."""
    said = [
        f"{event.bucket}, {event.attribution}, by {event.reviewer} ({event.reviewer_kind})"
        f"{' as adjudicator' if event.adjudication else ''}{f': {event.note}' if event.note else ''}"
        for event in (row.settled.shown if row else ())
    ]
    return "; ".join(said)
