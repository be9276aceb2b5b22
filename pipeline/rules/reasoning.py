"""The judges' reasoning of failed rows, split into clauses once for all rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.lexicon import builtin_lexicon
from pipeline.rules.negation import expresses, resolve_scope
from pipeline.rules.patterns import ClauseIndex, ConceptPattern, parse_concept_pattern
from pipeline.rules.tokens import BREAK, tokenize
from pipeline.rules.verdict_lists import in_passed_passages

if TYPE_CHECKING:
    from collections.abc import Sequence

_DENIABLE: Final = ("fault", "invent", "contradict", "ambiguous", "lose", "needless", "swapped", "vague", "omit")
"""Concepts of faults: a clause that negates one and states none blames nobody."""


@dataclass(frozen=True, slots=True)
class ClauseMatches:
    """The texts in which something was found, in order, with the clause of the greatest weight in each."""

    text: np.ndarray
    weight: np.ndarray
    clause: np.ndarray


class Reasoning:
    """The clauses of several judges' texts."""

    def __init__(
        self,
        texts: pa.Array,
        failed: Sequence[tuple[str, ...]] | None = None,
        others: Sequence[tuple[str, ...]] | None = None,
    ) -> None:
        """Split `texts` (large strings, no nulls) into clauses.

        `failed` and `others` name, per text, the dimensions that failed and those that did not.
        """
        self._tokens = tokenize(texts)
        if failed is None or others is None:
            passed = np.zeros(len(self._tokens.ids), dtype=bool)
        else:
            passed = in_passed_passages(self._tokens, failed, others)
        self._scoped = resolve_scope(self._tokens, passed)
        self._clauses = ClauseIndex(self._scoped)

    def search_concepts(self, patterns: Sequence[str], unless: Sequence[str] = ()) -> ClauseMatches:
        """Find the texts with a clause that matches one of the concept patterns and none of `unless`."""
        found = np.zeros(len(self._clauses.first), dtype=bool)
        for pattern in patterns:
            found[self._clauses.search(_parsed(pattern))] = True
        for pattern in unless:
            found[self._clauses.search(_parsed(pattern))] = False
        return self._strongest(np.flatnonzero(found))

    def search_regex(self, pattern: str, unless: str | None) -> ClauseMatches:
        """Find the texts with a clause that matches an RE2 expression and not `unless`, without regard to case."""
        hits = pc.match_substring_regex(self.critical_clauses, pattern, ignore_case=True)
        if unless is not None:
            hits = pc.and_not(hits, pc.match_substring_regex(self.critical_clauses, unless, ignore_case=True))
        return self._strongest(np.flatnonzero(np.asarray(hits)))

    def _strongest(self, clauses: np.ndarray) -> ClauseMatches:
        """Keep each text's clause of the greatest weight; of several, the first."""
        text, weight = self._clauses.text[clauses], self._clauses.weight[clauses]
        order = np.lexsort((clauses, -weight, text))
        text, weight, clauses = text[order], weight[order], clauses[order]
        first = np.ones(len(text), dtype=bool)
        first[1:] = text[1:] != text[:-1]
        return ClauseMatches(text[first], weight[first], clauses[first])

    def clause(self, number: int) -> str:
        """Return a clause as written, with single spaces, without the dash or line break before it."""
        first, last = self._clauses.first[number], self._clauses.last[number]
        return " ".join(self._written[first + bool(self._tokens.flags[first] & BREAK) : last])

    @cached_property
    def _written(self) -> list[str]:
        spellings = np.array(self._tokens.spellings.to_pylist(), dtype=object)
        written: list[str] = spellings[self._tokens.ids].tolist()
        return written

    @cached_property
    def critical_clauses(self) -> pa.Array:
        """The clauses as text, without quotations; empty where a clause praises or denies a fault."""
        clause, live, negated = self._scoped.clause, self._scoped.live, self._scoped.negated
        fault = expresses(self._tokens, *_DENIABLE)
        count = len(self._clauses.first)
        denied = np.bincount(clause[fault & negated], minlength=count) > 0
        denied &= np.bincount(clause[fault & ~negated & live], minlength=count) == 0
        kept = live & ~denied[clause]
        words = self._tokens.spellings.take(pa.array(self._tokens.ids[kept])).cast(pa.large_string())
        offsets = np.searchsorted(clause[kept], np.arange(count + 1)).astype(np.int32)
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), pa.scalar(" ", pa.large_string()))


@cache
def _parsed(pattern: str) -> ConceptPattern:
    return parse_concept_pattern(pattern, builtin_lexicon().concepts)
