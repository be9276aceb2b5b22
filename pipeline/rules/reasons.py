"""The judge's reasoning of failed rows, read once for all rules."""

from __future__ import annotations

from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import distinct
from pipeline.rules.accounts import passed_accounts
from pipeline.rules.lexicon import builtin_lexicon
from pipeline.rules.sayings import Clauses, Saying, parse_saying
from pipeline.rules.scope import scoped
from pipeline.rules.words import BREAK, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

_DENIABLE: Final = ("fault", "invent", "contradict", "ambiguous", "lose", "needless", "swapped", "vague", "omit")
"""Concepts of faults: a clause that negates one and states none blames nobody."""


_READING: Final = Lock()
"""The reader remembers words; several threads may label at once."""


@cache
def _reader() -> Reader:
    return Reader(builtin_lexicon())


@cache
def _parsed(saying: str) -> Saying:
    return parse_saying(saying, builtin_lexicon().concepts)


class Reasons:
    """Texts of judges, in words and clauses, and what they say."""

    def __init__(
        self,
        texts: pa.Array,
        failed: Sequence[tuple[str, ...]] | None = None,
        others: Sequence[tuple[str, ...]] | None = None,
    ) -> None:
        """Read `texts`; `failed` and `others` name per text the dimensions that failed and those that did not."""
        with _READING:
            reader = _reader()
            self._words = reader.read(texts)
            self._sets = list(reader.sets)
        passed = (
            np.zeros(len(self._words.ids), dtype=bool)
            if failed is None or others is None
            else passed_accounts(self._words, failed, others)
        )
        self._scope = scoped(self._words, self._stands_for, passed)
        self._clauses = Clauses(self._scope, self._sets)

    def _stands_for(self, concept: str) -> np.ndarray:
        return np.array([concept in concepts for concepts in self._sets], dtype=bool)

    def saying(self, sayings: Sequence[str], unless: Sequence[str] = ()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the texts with a clause that says one of `sayings` and none of `unless`.

        Gives the texts' positions, and per text what the weightiest such clause weighs, and its number.
        """
        found = distinct(np.concatenate([self._clauses.saying(_parsed(text)) for text in sayings]))
        for text in unless:
            found = np.setdiff1d(found, self._clauses.saying(_parsed(text)), assume_unique=True)
        return self._best(found)

    def matching(self, pattern: str, unless: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the texts with a clause that a pattern matches and `unless` does not; gives what `saying` gives."""
        hits = pc.match_substring_regex(self.blaming, pattern, ignore_case=True)
        if unless is not None:
            hits = pc.and_not(hits, pc.match_substring_regex(self.blaming, unless, ignore_case=True))
        return self._best(np.flatnonzero(np.asarray(hits)))

    def _best(self, clauses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        text, weight = self._clauses.text[clauses], self._clauses.weight[clauses]
        order = np.lexsort((clauses, -weight, text))
        text, weight, clauses = text[order], weight[order], clauses[order]
        first = np.ones(len(text), dtype=bool)
        first[1:] = text[1:] != text[:-1]
        return text[first], weight[first], clauses[first]

    def clause(self, number: int) -> str:
        """Give a clause as it was written, with single spaces, without the dash or line's end before it."""
        first, last = self._clauses.first[number], self._clauses.last[number]
        return " ".join(self._written[first + bool(self._words.marks[first] & BREAK) : last])

    @cached_property
    def _written(self) -> list[str]:
        spellings = np.array(self._words.spellings.to_pylist(), dtype=object)
        written: list[str] = spellings[self._words.ids].tolist()
        return written

    @cached_property
    def blaming(self) -> pa.Array:
        """The clauses as text, without quotations; empty where they praise or deny a fault."""
        deniable = np.logical_or.reduce([self._stands_for(concept) for concept in _DENIABLE])[self._words.codes]
        negated = self._scope.negated & deniable
        stated = deniable & ~self._scope.negated & self._scope.live
        count = len(self._clauses.first)
        denied = _any(negated, self._scope.clause, count) & ~_any(stated, self._scope.clause, count)
        kept = self._scope.live & ~denied[self._scope.clause]
        words = self._words.spellings.take(pa.array(self._words.ids[kept])).cast(pa.large_string())
        offsets = np.searchsorted(self._scope.clause[kept], np.arange(count + 1)).astype(np.int32)
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), pa.scalar(" ", pa.large_string()))


def _any(flags: np.ndarray, clause: np.ndarray, count: int) -> np.ndarray:
    """Tell per clause whether one of its words has the flag."""
    return np.bincount(clause[flags], minlength=count) > 0
