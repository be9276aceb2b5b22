"""Choose the texts to embed, the most wanted first, cut to a limit at which they fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipeline.export.formats.page.turns import by_hardness
from pipeline.ledger.codebook import tentative_label
from pipeline.report.text import one_line, shorten, visible
from pipeline.schema import NO_PAYLOAD, TENTATIVE
from pipeline.stages.tables import text_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.answers import PassedAnswers
    from pipeline.export.formats.page.turns import TurnCell
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
_no_payload: Final = re.compile(NO_PAYLOAD).match
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


def by_priority(analysis: Analysis, cells: Iterable[Sequence[TurnCell]], first: Iterable[str]) -> list[int]:
    """Return the labels of the failed rows, those whose texts matter most first.

    First the rows with the ids `first`, then those of the heat maps by hardness, then all others if not too many.
    """
    failures = analysis.failures
    labels = dict(zip(failures["row_id"].tolist(), failures.index.tolist(), strict=True))
    named = [labels[row_id] for row_id in first if row_id in labels]
    on_map = [cell.row for cell in by_hardness(cells) if cell.failed and cell.row is not None]
    others = labels.values() if len(failures) <= _ALL else ()
    return list(dict.fromkeys([*named, *on_map, *others]))


class TextSelector:
    """Selects from the texts of the failed rows, and from the answers of rows that did not fail."""

    def __init__(self, analysis: Analysis, answers: PassedAnswers) -> None:
        self._analysis = analysis
        self._answers = answers

    def attempts(self, wanted: int, room: int) -> Iterator[Attempt]:
        """Yield the selections to try for a room in bytes, the best first; `wanted` failed rows are considered.

        At first those estimated to fit with all failed rows: long texts are preferred to many answers, and fewer
        answers to short texts. Then the shortest texts of ever fewer rows.
        """
        available = len(self._answers.labels)
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
        failed = self._analysis.failure_sizes.to_numpy()
        sizes = text_sizes(self._answers.texts)
        # The user's text of a turn is embedded once.
        repeated = pd.Series(self._answers.turns, sizes.index, dtype="object").duplicated()
        answers = sizes.assign(user_text=sizes["user_text"].mask(repeated, 0)).to_numpy()

        @cache
        def of_limit(limit: int) -> tuple[int, list[int]]:
            of_answers = np.minimum(answers, limit).sum(axis=1).cumsum()
            return int(np.minimum(failed, limit).sum()), [0, *of_answers.tolist()]

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
        rows = zip(self._answers.labels, self._answers.turns, _rows_of(self._answers.texts), strict=True)
        for label, turn, (user, *said) in islice(rows, answers):
            known = users[turn.heat_map]
            if turn.number not in known:
                known[turn.number] = cut(user)
            found[label] = _said(said, cut)
        return Selection(failed, found, users, cut.times > 0)

    def _of_failed(self, labels: list[int], users: dict[str, dict[int, Text]], cut: _Cutter) -> dict[int, list[Text]]:
        """Return the texts of failed rows, and add the user's texts to `users`, by benchmark and turn."""
        reviewed = {row.row_id: row for row in self._analysis.review.rows}
        rows = self._analysis.failures.loc[labels]
        kept = self._analysis.failure_texts
        texts = self._analysis.read_texts(rows) if kept is None else kept.loc[labels]
        found: dict[int, list[Text]] = {}
        tentative = _tentative_labels(rows)
        for label, row_id, benchmark, turn, rule, evidence, (user, *said) in zip(
            labels,
            rows["row_id"].tolist(),
            rows["benchmark_name"].tolist(),
            rows["turn"].tolist(),
            rows["error_mode_rule"].tolist(),
            rows["error_mode_evidence"].tolist(),
            _rows_of(texts),
            strict=True,
        ):
            shown = cut(user)
            found[label] = [
                *_said(said, cut),
                cut(f"{tentative.get(label, '')}rule {rule} saw “{one_line(evidence)}”"),
                cut(_decided(reviewed.get(row_id))),
            ]
            if users[benchmark].setdefault(turn, shown) != shown:
                found[label].append(shown)
        return found


def _tentative_labels(rows: pd.DataFrame) -> dict[int, str]:
    """Return the tentative labels in words, by the labels of their rows."""
    found = rows[rows["error_mode_confidence"].eq(TENTATIVE)]
    runners_up = found["error_mode_runner_up"].astype("object").where(found["error_mode_runner_up"].notna(), None)
    columns = zip(found.index.tolist(), found["error_mode"].tolist(), runners_up.tolist(), strict=True)
    return {label: f"{tentative_label(mode, runner_up)}; " for label, mode, runner_up in columns}


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


def _rows_of(texts: pd.DataFrame) -> Iterator[tuple[str, str, str, str, str]]:
    """Return an iterator over rows: the user's text, the answer, the judge's reasoning, tool calls and results."""
    return zip(
        texts["user_text"].tolist(),
        texts["assistant_text"].tolist(),
        texts["judge_reasoning"].tolist(),
        texts["tool_calls"].tolist(),
        texts["tool_results"].tolist(),
        strict=True,
    )


def _said(texts: Sequence[str], cut: _Cutter) -> list[Text]:
    """Return answer, judge, calls and results; empty texts for calls and results that there were none of."""
    answer, judge, *payloads = texts
    return [cut(answer), cut(judge), *("" if _no_payload(text) else cut(text) for text in payloads)]


def _decided(row: ReviewedRow | None) -> str:
    """Return what reviewers decided on a row, in words."""
    said = [
        f"{event.bucket}, {event.attribution}, by {event.reviewer} ({event.reviewer_kind})"
        f"{' as adjudicator' if event.adjudication else ''}{f': {event.note}' if event.note else ''}"
        for event in (row.settled.shown if row else ())
    ]
    return "; ".join(said)
