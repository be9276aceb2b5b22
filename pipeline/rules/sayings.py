"""Sayings: what a clause must say for a rule to hold, in terms of concepts, and where texts say it.

`ask again|already` holds where a word for asking comes before one for "again" or "already", with anything between.
`!call` is a negated call ("did not call", "no call"), `~call` either; a plain concept is never negated.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.columns import distinct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.rules.scope import Scoped

Term = frozenset[tuple[str, bool]]
"""Concepts, each negated or not, of which one must stand there."""
Saying = tuple[Term, ...]

_OPTION: Final = re.compile(r"([!~]?)([a-z_]+)")
_POLARITIES: Final = {"": (False,), "!": (True,), "~": (False, True)}
_FIRST_SIGN: Final = 0x800  # signs are characters of three bytes each in UTF-8
_SIGN_BYTES: Final = 3


def parse_saying(text: str, known: Collection[str]) -> Saying:
    """Read a saying; ValueError says what is wrong."""
    terms = []
    for part in text.split():
        term = set()
        for option in part.split("|"):
            match = _OPTION.fullmatch(option)
            if match is None:
                raise ValueError(f"{part!r} is not a term: write concept, !concept, ~concept or one|other")
            if match[2] not in known:
                raise ValueError(f"no concept {match[2]!r} in the lexicon")
            term |= {(match[2], negated) for negated in _POLARITIES[match[1]]}
        terms.append(frozenset(term))
    if not terms:
        raise ValueError("says nothing")
    return tuple(terms)


class Clauses:
    """Clauses as strings of signs, one sign per word that stands for something."""

    def __init__(self, scope: Scoped, sets: Iterable[frozenset[str]]) -> None:
        numbers = scope.clause
        self._codes: defaultdict[str, list[int]] = defaultdict(list)
        for code, concepts in enumerate(sets):
            for concept in concepts:
                self._codes[concept].append(code)
        self._signs: dict[Term, list[int]] = {}
        said = scope.live & (scope.words.codes > 0)
        signs = scope.words.codes[said] * 2 + scope.negated[said]
        self._clause = numbers[said]
        self._order = np.argsort(signs, kind="stable")
        self._sorted = signs[self._order]
        count = int(numbers[-1]) + 1 if len(numbers) else 0
        bounds = np.searchsorted(numbers, np.arange(count + 1))
        self.first, self.last = bounds[:-1], bounds[1:]
        """Per clause, its first word and the one behind its last."""
        self.text = scope.words.text[self.first] if count else np.zeros(0, dtype=np.int64)
        self.weight = scope.weight[self.first] if count else np.zeros(0)
        self._strings = self._as_strings(signs, count)
        self._holding: dict[Term, np.ndarray] = {}

    def _as_strings(self, signs: np.ndarray, count: int) -> pa.Array:
        points = signs + _FIRST_SIGN
        letters = np.stack([0xE0 | points >> 12, 0x80 | points >> 6 & 0x3F, 0x80 | points & 0x3F], axis=1)
        offsets = np.searchsorted(self._clause, np.arange(count + 1)) * _SIGN_BYTES
        data = pa.py_buffer(letters.astype(np.uint8).tobytes())
        return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets.astype(np.int64)), data)

    def saying(self, terms: Saying) -> np.ndarray:
        """Give the numbers of the clauses that say these terms in this order."""
        found = self._with(terms[0])
        for term in terms[1:]:
            found = np.intersect1d(found, self._with(term), assume_unique=True)
        if len(terms) == 1 or not len(found):
            return found
        pattern = ".*".join(self._letters(term) for term in terms)
        kept: np.ndarray = found[np.asarray(pc.match_substring_regex(self._strings.take(pa.array(found)), pattern))]
        return kept

    def _with(self, term: Term) -> np.ndarray:
        """Give the clauses in which the term stands."""
        if term not in self._holding:
            ranges = np.searchsorted(self._sorted, [(sign, sign + 1) for sign in self._signs_of(term)])
            places = [self._order[start:end] for start, end in ranges.reshape(-1, 2)]
            self._holding[term] = distinct(self._clause[np.concatenate(places)]) if places else self._clause[:0]
        return self._holding[term]

    def _letters(self, term: Term) -> str:
        return "[" + "".join(chr(_FIRST_SIGN + sign) for sign in self._signs_of(term)) + "]"

    def _signs_of(self, term: Term) -> list[int]:
        if term not in self._signs:
            codes = ((code, negated) for concept, negated in term for code in self._codes.get(concept, ()))
            self._signs[term] = sorted({code * 2 + negated for code, negated in codes})
        return self._signs[term]
