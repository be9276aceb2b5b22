"""Scope: which words of a judge's reasoning state a failure, and how much each clause weighs.

A clause ends where its sentence does, at a dash or a line's end, and before a word that turns the thought
("but", "because", "so"). Quoted words, praise and the account of a dimension that passed say nothing. What is
negated stands for its absence. What is conceded weighs little; a consequence and a side remark weigh less
than a cause and what the judge calls the main point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.rules import words as w
from pipeline.rules.lexicon import NAMED, NEGATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.rules.words import Words

_NEGATION_REACH: Final = 5
_LONGEST_QUOTATION: Final = 80

# How much a clause weighs; the factors of all that apply are multiplied.
CONCEDED: Final = 0.3
CONSEQUENCE: Final = 0.6
MINOR: Final = 0.5
MAJOR: Final = 1.4

# Concepts of the lexicon on which scope rests.
_TURNS: Final = "turn"
_CONCESSION: Final = "concession"
_THEREFORE: Final = "therefore"
_AND: Final = "and"
_PRAISE: Final = "praise"
_BLAME: Final = ("fault", "should", NEGATOR, "only", "absent")
_MINOR: Final = "minor"
_MAJOR: Final = "major"


class Scoped(NamedTuple):
    """Words with their scope; arrays have one entry per word."""

    words: Words
    negated: np.ndarray
    live: np.ndarray
    """Whether the word may be evidence."""
    clause: np.ndarray
    """The clause it stands in, counted through all texts."""
    weight: np.ndarray
    """What its clause weighs."""


def scoped(words: Words, stands_for: Callable[[str], np.ndarray], passed: np.ndarray) -> Scoped:
    """Work out the scope of every word.

    `stands_for(concept)` tells per code of a set of concepts whether it holds the concept; `passed` tells per
    word whether it stands in the account of a dimension that did not fail.
    """

    def is_a(*concepts: str) -> np.ndarray:
        codes = np.logical_or.reduce([stands_for(concept) for concept in concepts])
        return np.asarray(codes[words.codes])

    quoted = _quoted(words) & ~is_a(NAMED)
    parting = (words.marks & w.BREAK) != 0
    closing = (words.marks & (w.CLOSES | w.CLOSES_SINGLE)) != 0
    stops = ((words.marks & w.STOP) != 0) & (closing | ~quoted)
    sentence = _counted(_follows(stops) | parting, words.text)
    starts = _starts(sentence)
    conceding = is_a(_CONCESSION) & ~quoted
    cut = is_a(_TURNS) & ~quoted
    cut |= _ends_concession(conceding, starts, words)
    clause = _counted(cut | starts, words.text)
    first = _starts(clause)

    def whole(flags: np.ndarray) -> np.ndarray:
        """Tell per word whether any word of its clause has the flag."""
        return np.asarray(np.bincount(clause, weights=flags, minlength=1)[clause] > 0)

    negated = _negated(is_a(NEGATOR) & ~quoted, (words.marks & (w.COMMA | w.STOP | w.BREAK)) != 0, is_a(_AND), clause)
    praise = whole(is_a(_PRAISE) & ~negated & ~quoted) & ~whole(is_a(*_BLAME) & ~quoted & ~(negated & is_a("fault")))
    conceded = whole(conceding & (first | _follows(first)))
    weight = np.where(conceded, CONCEDED, 1.0)
    weight *= np.where(whole(is_a(_THEREFORE) & first), CONSEQUENCE, 1.0)
    weight *= np.where(whole(is_a(_MINOR) & ~negated & ~quoted), MINOR, 1.0)
    weight *= np.where(whole(is_a(_MAJOR) & ~negated & ~quoted), MAJOR, 1.0)
    return Scoped(words, negated, ~quoted & ~praise & ~passed, clause, weight)


def _follows(flags: np.ndarray) -> np.ndarray:
    """Move flags to the next word."""
    return np.concatenate([[False], flags[:-1]]) if len(flags) else flags


def _counted(begins: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Give the number of each word's piece, counted through all texts; one begins where flagged and with each text."""
    return np.cumsum(begins | _starts(text)) - 1


def _starts(numbers: np.ndarray) -> np.ndarray:
    """Flag the first word of each piece."""
    return np.concatenate([[True], numbers[1:] != numbers[:-1]]) if len(numbers) else numbers.astype(bool)


def _quoted(words: Words) -> np.ndarray:
    """Flag the words between quotation marks; what is not closed within reach is no quotation."""
    quoted = np.zeros(len(words.ids) + 1, dtype=np.int64)
    for opening, closing in ((w.OPENS, w.CLOSES), (w.OPENS_SINGLE, w.CLOSES_SINGLE)):
        opens, closes = (np.flatnonzero(words.marks & mark) for mark in (opening, closing))
        if not len(opens) or not len(closes):
            continue
        place = np.searchsorted(closes, opens)
        found = place < len(closes)
        opens, ends = opens[found], closes[place[found]]
        close = (words.text[opens] == words.text[ends]) & (ends - opens < _LONGEST_QUOTATION)
        np.add.at(quoted, opens[close], 1)
        np.add.at(quoted, ends[close] + 1, -1)
    return np.cumsum(quoted)[:-1] > 0


def _ends_concession(conceding: np.ndarray, starts: np.ndarray, words: Words) -> np.ndarray:
    """Flag where the main clause begins after a concession at the sentence's head: behind its first comma."""
    cut = np.zeros(len(conceding), dtype=bool)
    ends = np.flatnonzero(words.marks & (w.COMMA | w.STOP | w.BREAK))
    heads = np.flatnonzero(conceding & (starts | _follows(starts)))
    place = np.searchsorted(ends, heads)
    heads, ends = heads[place < len(ends)], ends[place[place < len(ends)]]
    behind = ends[words.text[ends] == words.text[heads]] + 1
    cut[behind[behind < len(cut)]] = True
    return cut


def _negated(negators: np.ndarray, stops: np.ndarray, ands: np.ndarray, clause: np.ndarray) -> np.ndarray:
    """Flag the words in reach of a negation: a few words on, up to a comma, an "and" or the clause's end."""
    negated = np.zeros(len(negators), dtype=bool)
    reached = np.flatnonzero(negators)
    start = reached
    for _ in range(_NEGATION_REACH):
        ahead = reached + 1
        inside = ahead < len(negators)
        reached, ahead, start = reached[inside], ahead[inside], start[inside]
        goes_on = ~stops[reached] & ~ands[ahead] & (clause[ahead] == clause[start])
        reached, start = ahead[goes_on], start[goes_on]
        negated[reached] = True
    return negated
