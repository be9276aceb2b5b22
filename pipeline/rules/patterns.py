"""Concept patterns (`says` in a rules file): sequences of concepts, and the clauses in which they occur.

`ask again|already` matches a clause in which a token of the concept `ask` comes before one of `again` or `already`,
with anything in between. `!call` is a negated call ("did not call", "no call"), `~call` a call negated or not;
a plain concept is not negated.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.rules.negation import ScopedTokens

Term = frozenset[tuple[str, bool]]
"""Alternatives for one token: concepts, each with whether it is negated."""
ConceptPattern = tuple[Term, ...]

_ALTERNATIVE: Final = re.compile(r"([!~]?)([a-z_]+)")
_POLARITIES: Final = {"": (False,), "!": (True,), "~": (False, True)}


def parse_concept_pattern(text: str, known: Collection[str]) -> ConceptPattern:
    """Parse a concept pattern over the `known` concepts; raises ValueError that states the mistake."""
    terms = []
    for part in text.split():
        term = set()
        for alternative in part.split("|"):
            match = _ALTERNATIVE.fullmatch(alternative)
            if match is None:
                raise ValueError(f"{part!r} is not a term: write concept, !concept, ~concept or one|other")
            if match[2] not in known:
                raise ValueError(f"no concept {match[2]!r} in the lexicon")
            term |= {(match[2], negated) for negated in _POLARITIES[match[1]]}
        terms.append(frozenset(term))
    if not terms:
        raise ValueError("says nothing")
    return tuple(terms)


class ClauseIndex:
    """The clauses of several texts, searchable by concept patterns."""

    def __init__(self, scoped: ScopedTokens) -> None:
        tokens = scoped.tokens
        clauses = int(scoped.clause[-1]) + 1 if len(scoped.clause) else 0
        bounds = np.searchsorted(scoped.clause, np.arange(clauses + 1))
        self.first, self.last = bounds[:-1], bounds[1:]
        """Per clause, the index of its first token and the index after its last."""
        self.text = tokens.text[self.first]
        """Per clause, the index of its text."""
        self.weight = scoped.weight[self.first]
        """Per clause, its weight."""
        searched = scoped.live & (tokens.codes > 0)
        self._clause = scoped.clause[searched]
        self._meaning = tokens.codes[searched] * 2 + scoped.negated[searched]
        self._codes: defaultdict[str, list[int]] = defaultdict(list)
        for code, concepts in enumerate(tokens.concept_sets):
            for concept in concepts:
                self._codes[concept].append(code)
        self._possible_meanings = 2 * len(tokens.concept_sets)
        self._found: dict[Term, np.ndarray] = {}

    def search(self, pattern: ConceptPattern) -> np.ndarray:
        """Return the clauses in which the terms of a pattern occur in order, each clause once."""
        found = self._find(pattern[0])
        clause = self._clause[found]
        first = np.ones(len(found), dtype=bool)
        np.not_equal(clause[1:], clause[:-1], out=first[1:])
        found = found[first]
        for term in pattern[1:]:  # the earliest token after the previous term's, if it is in the same clause
            candidates = self._find(term)
            after = np.searchsorted(candidates, found, side="right")
            inside = after < len(candidates)
            found, following = found[inside], candidates[after[inside]]
            found = following[self._clause[found] == self._clause[following]]
        return np.asarray(self._clause[found])

    def _find(self, term: Term) -> np.ndarray:
        """Return the indices of the searched tokens that match a term, in order."""
        if term not in self._found:
            matching = np.zeros(self._possible_meanings, dtype=bool)
            for concept, negated in term:
                matching[[2 * code + negated for code in self._codes.get(concept, ())]] = True
            self._found[term] = np.flatnonzero(matching[self._meaning])
        return self._found[term]
