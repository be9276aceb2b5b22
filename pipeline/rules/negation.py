"""Resolve scope: which tokens of a judge's reasoning state a failure, and how much each clause weighs.

A clause ends with its sentence, at a dash or a line break, and before a word that changes the direction of the
argument ("but", "because", "so"). Quotations, praise and the passage on a dimension that passed are no evidence.
A negated token stands for the absence of its concept. A concession weighs little; a consequence and a remark that
the judge calls minor weigh less than a cause, and what the judge calls the main point weighs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.rules import tokens as t
from pipeline.rules.lexicon import NAMED, NEGATOR

if TYPE_CHECKING:
    from pipeline.rules.tokens import Tokens

_NEGATION_REACH: Final = 5
_LONGEST_QUOTATION: Final = 80

# Factors of a clause's weight; those that apply are multiplied.
CONCEDED: Final = 0.3
CONSEQUENCE: Final = 0.6
MINOR: Final = 0.5
MAJOR: Final = 1.4

# The concepts of the lexicon that determine scope.
_TURNS: Final = "turn"
_CONCESSION: Final = "concession"
_THEREFORE: Final = "therefore"
_AND: Final = "and"
_PRAISE: Final = "praise"
_BLAME: Final = ("fault", "should", NEGATOR, "only", "absent")
_MINOR: Final = "minor"
_MAJOR: Final = "major"


@dataclass(frozen=True, slots=True)
class ScopedTokens:
    """Tokens with their scope; every array has one entry per token."""

    tokens: Tokens
    negated: np.ndarray
    live: np.ndarray
    """Whether the token may be evidence."""
    clause: np.ndarray
    """The index of its clause, counted through all texts."""
    weight: np.ndarray
    """The weight of its clause; 1 where no factor applies."""


def resolve_scope(tokens: Tokens, passed: np.ndarray) -> ScopedTokens:
    """Return the scope of every token.

    `passed` flags the tokens in a passage on a dimension that did not fail.
    """

    def is_a(*concepts: str) -> np.ndarray:
        return expresses(tokens, *concepts)

    def anywhere(flags: np.ndarray) -> np.ndarray:
        """Return per token whether any token of its clause has the flag."""
        return np.asarray(np.bincount(clause, weights=flags, minlength=1)[clause] > 0)

    quoted = _quoted(tokens) & ~is_a(NAMED)
    separates = (tokens.flags & t.BREAK) != 0
    closing = (tokens.flags & (t.CLOSES | t.CLOSES_SINGLE)) != 0
    stops = ((tokens.flags & t.STOP) != 0) & (closing | ~quoted)
    sentence = _numbered(_after(stops) | separates, tokens.text)
    starts = _starts(sentence)
    conceding = is_a(_CONCESSION) & ~quoted
    cut = is_a(_TURNS) & ~quoted
    cut |= _ends_concession(conceding, starts, tokens)
    clause = _numbered(cut | starts, tokens.text)
    first = _starts(clause)

    negated = _negated(is_a(NEGATOR) & ~quoted, (tokens.flags & (t.COMMA | t.STOP | t.BREAK)) != 0, is_a(_AND), clause)
    blame = anywhere(is_a(*_BLAME) & ~quoted & ~(negated & is_a("fault")))
    praise = anywhere(is_a(_PRAISE) & ~negated & ~quoted) & ~blame
    weight = np.where(anywhere(conceding & (first | _after(first))), CONCEDED, 1.0)
    weight *= np.where(anywhere(is_a(_THEREFORE) & first), CONSEQUENCE, 1.0)
    weight *= np.where(anywhere(is_a(_MINOR) & ~negated & ~quoted), MINOR, 1.0)
    weight *= np.where(anywhere(is_a(_MAJOR) & ~negated & ~quoted), MAJOR, 1.0)
    return ScopedTokens(tokens, negated, ~quoted & ~praise & ~passed, clause, weight)


def expresses(tokens: Tokens, *concepts: str) -> np.ndarray:
    """Return per token whether it expresses one of the concepts."""
    wanted = frozenset(concepts)
    of_set = np.array([not wanted.isdisjoint(concepts) for concepts in tokens.concept_sets], dtype=bool)
    return np.asarray(of_set[tokens.codes])


def _after(flags: np.ndarray) -> np.ndarray:
    """Return the flags moved on by one token."""
    return np.concatenate([[False], flags[:-1]]) if len(flags) else flags


def _numbered(begins: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Return the index of each token's segment; a segment begins at each flag and with each text."""
    return np.cumsum(begins | _starts(text)) - 1


def _starts(numbers: np.ndarray) -> np.ndarray:
    """Return per token whether it is the first of its segment."""
    return np.concatenate([[True], numbers[1:] != numbers[:-1]]) if len(numbers) else numbers.astype(bool)


def _quoted(tokens: Tokens) -> np.ndarray:
    """Return per token whether it is between quotation marks of one text, at most `_LONGEST_QUOTATION` tokens apart."""
    quoted = np.zeros(len(tokens.ids) + 1, dtype=np.int64)
    for opening, closing in ((t.OPENS, t.CLOSES), (t.OPENS_SINGLE, t.CLOSES_SINGLE)):
        opens, closes = (np.flatnonzero(tokens.flags & flag) for flag in (opening, closing))
        if not len(opens) or not len(closes):
            continue
        index = np.searchsorted(closes, opens)
        found = index < len(closes)
        opens, ends = opens[found], closes[index[found]]
        matched = (tokens.text[opens] == tokens.text[ends]) & (ends - opens < _LONGEST_QUOTATION)
        np.add.at(quoted, opens[matched], 1)
        np.add.at(quoted, ends[matched] + 1, -1)
    return np.cumsum(quoted)[:-1] > 0


def _ends_concession(conceding: np.ndarray, starts: np.ndarray, tokens: Tokens) -> np.ndarray:
    """Flag where the main clause begins after a concession that opens a sentence: after its first comma."""
    cut = np.zeros(len(conceding), dtype=bool)
    ends = np.flatnonzero(tokens.flags & (t.COMMA | t.STOP | t.BREAK))
    heads = np.flatnonzero(conceding & (starts | _after(starts)))
    index = np.searchsorted(ends, heads)
    heads, ends = heads[index < len(ends)], ends[index[index < len(ends)]]
    next_tokens = ends[tokens.text[ends] == tokens.text[heads]] + 1
    cut[next_tokens[next_tokens < len(cut)]] = True
    return cut


def _negated(negators: np.ndarray, stops: np.ndarray, ands: np.ndarray, clause: np.ndarray) -> np.ndarray:
    """Flag the tokens in the scope of a negator.

    The scope is the next `_NEGATION_REACH` tokens, up to a comma, an "and" or the end of the clause.
    """
    negated = np.zeros(len(negators), dtype=bool)
    reached = np.flatnonzero(negators)
    start = reached
    for _ in range(_NEGATION_REACH):
        ahead = reached + 1
        inside = ahead < len(negators)
        reached, ahead, start = reached[inside], ahead[inside], start[inside]
        continues = ~stops[reached] & ~ands[ahead] & (clause[ahead] == clause[start])
        reached, start = ahead[continues], start[continues]
        negated[reached] = True
    return negated
