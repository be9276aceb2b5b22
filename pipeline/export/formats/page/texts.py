"""What was said in the rows: the texts to embed, cut to a limit, the most wanted first."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.load.judged import NO_PAYLOAD
from pipeline.report.text import one_line, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.answers import Answers
    from pipeline.export.formats.page.turns import TurnMap
    from pipeline.ledger.review import ReviewedRow

_LIMITS: Final = (20_000, 6000, 3000, 1500, 800, 400, 250)
"""How long a text may be, tried in order until everything fits."""
_GOOD: Final = 1500
"""Texts of this length say most; rather than cut them shorter, answers that passed are left out."""
_OTHERS: Final = (1000, 250)
"""How many answers that passed remain, where not all fit."""
_FEW: Final = 1500
"""Where not everything fits, at most so many rows have texts."""
_ALL: Final = 30_000
"""Of more failed rows only those of the heat maps and the datapoints are thought of."""
_ROW_COST: Final = 90
_AS_JSON: Final = 1.15
"""How much longer texts become as JSON."""
Text = str | list[Any]
"""A text, or a cut one and its whole length."""


def by_priority(analysis: Analysis, maps: Sequence[TurnMap], first: Iterable[str]) -> list[int]:
    """Order the failed rows by how much their texts are wanted: `first`, hard turns of the maps, all others."""
    failures = analysis.tables["failures"]
    named = pc.index_in(pa.array(list(first), failures[c.ROW_ID].type), failures[c.ROW_ID]).to_pylist()
    shown = [turn_map.rows[:, turn_map.hardness].T.ravel() for turn_map in maps]
    on_map = np.concatenate([*shown, np.zeros(0, dtype=np.int64)]).tolist()
    ordered = dict.fromkeys(at for at in (*named, *on_map) if at is not None and at >= 0)
    if len(failures) <= _ALL:
        ordered |= dict.fromkeys(range(len(failures)))
    return list(ordered)


class Texts:
    """The texts of the failed rows and of the other answers at hand, and how large they would be."""

    def __init__(self, analysis: Analysis, answers: Answers, order: np.ndarray) -> None:
        self._failures = analysis.tables["failures"]
        self._reviewed = {row.row_id: row for row in analysis.review.rows}
        self._answers = answers
        self._place = dict(zip(order.tolist(), range(len(order)), strict=True))

    def tries(self, wanted: int, room: int) -> Iterator[tuple[int, int, int]]:
        """Give what to try: how long texts may be, of how many failed rows, and of how many others.

        At first what may fit with all failed rows: long texts before many others, and fewer others before short texts.
        Then the shortest texts of ever fewer rows.
        """
        at_hand = len(self._answers.cells)
        others = sorted({min(number, at_hand) for number in (at_hand, *_OTHERS)}, reverse=True)
        if wanted == len(self._failures):
            sizes = self._sizes()
            for good in (True, False):
                limits = [limit for limit in _LIMITS if (limit >= _GOOD) is good]
                fitting = (
                    (limit, wanted, number) for number in others for limit in limits if sizes(limit, number) <= room
                )
                yield from fitting
        few = min(wanted, _FEW)
        yield from ((_LIMITS[-1], few >> halvings, others[-1] >> halvings) for halvings in range(few.bit_length()))

    def _sizes(self) -> Callable[[int, int], float]:
        """Estimate how large the texts of all failed rows become, by their limit and the number of others."""
        failed = [np.asarray(pc.binary_length(self._failures[name])) for name in c.TEXTS]
        more = self._answers.lengths()

        @cache
        def of(limit: int) -> tuple[int, np.ndarray]:
            others = np.sum([np.minimum(each, limit) for each in more], axis=0)
            return sum(int(np.minimum(each, limit).sum()) for each in failed), np.concatenate([[0], np.cumsum(others)])

        def size(limit: int, others: int) -> float:
            rows, until = of(limit)
            return (rows + int(until[others])) * _AS_JSON + _ROW_COST * (len(self._failures) + others)

        return size

    def gather(self, positions: Sequence[int], others: int, limit: int) -> tuple[dict[str, Any], bool]:
        """Gather the texts of failed rows by position, and of so many others, each cut to a limit; tell if any was cut.

        `texts` has a list per failed row: answer, judge, calls, results, rule, decisions, and the user's text if it
        is not the turn's; `others` answer, judge, calls, results; `users` the user's texts by map and turn.
        """
        cut = _Cut(limit)
        maps = self._answers.maps
        users: list[dict[int, Text]] = [{} for _ in maps]
        texts = self._of_failed(positions, {turn_map.benchmark: users[at] for at, turn_map in enumerate(maps)}, cut)
        found: dict[str, list[Text]] = {}
        if self._answers.texts is not None and others:
            rows = self._answers.texts.slice(0, others)
            columns = (as_list(rows[name]) for name in c.TEXTS)
            for cell, user, answer, judge, *payloads in zip(self._answers.cells[:others], *columns, strict=True):
                known = users[cell.map]
                if cell.turn not in known:
                    known[cell.turn] = cut(user)
                found[str(cell.ref)] = [cut(answer), cut(judge), *(_payload(cut, text) for text in payloads)]
        return {"texts": texts, "others": found, "users": users}, cut.times > 0

    def _of_failed(
        self, positions: Sequence[int], users: dict[str, dict[int, Text]], cut: _Cut
    ) -> dict[str, list[Text]]:
        names = [c.BENCHMARK, c.TURN, c.ROW_ID, c.ERROR_MODE_RULE, c.ERROR_MODE_EVIDENCE, *c.TEXTS]
        rows = self._failures.select(names).take(pa.array(positions, pa.int64()))
        columns = (as_list(rows[name]) for name in names)
        texts: dict[str, list[Text]] = {}
        for position, benchmark, turn, row_id, rule, evidence, *said in zip(positions, *columns, strict=True):
            user = cut(said[0])
            own = [cut(said[1]), cut(said[2]), *(_payload(cut, text) for text in said[3:])]
            own.append(cut(f"rule {rule} saw “{one_line(evidence)}”"))
            own.append(cut(_decided(self._reviewed.get(row_id))))
            if users[benchmark].setdefault(turn, user) != user:
                own.append(user)
            texts[str(self._place[position])] = own
        return texts


class _Cut:
    """Cuts texts to a limit and counts how many it cut; a cut text comes with its whole length."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.times = 0

    def __call__(self, text: str) -> Text:
        if len(text) <= self._limit:
            return visible(text)
        self.times += 1
        return [visible(shorten(text, self._limit)), len(text)]


def _payload(cut: _Cut, text: str) -> Text:
    """Leave out tool calls and results that say that there were none."""
    return "" if re.match(NO_PAYLOAD, text) else cut(text)


def _decided(row: ReviewedRow | None) -> str:
    """Say what reviewers decided on a row."""
    said = [
        f"{event.bucket}, {event.attribution}, by {event.reviewer} ({event.reviewer_kind})"
        f"{' as adjudicator' if event.adjudication else ''}{f': {event.note}' if event.note else ''}"
        for event in (row.settled.shown if row else ())
    ]
    return "; ".join(said)
