"""Find the passages in which a judge goes through the dimensions one by one ("kb_grounding: true, ...").

A passage begins with a dimension's name (or a part of it, or its initials) and a colon, a dash or a verdict. It ends
where the next one begins, at the end of the line if it began a line, or where the judge sums up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.rules import tokens as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.rules.tokens import Tokens

Names = tuple[str, ...]

_LONGEST_NAME: Final = 3
_PASSING: Final = frozenset(
    "true pass passed passes \u2713 \u2714 \u2705 ok okay fine good exemplary excellent met".split()
)
_FAILING: Final = frozenset("false fail failed fails \u2717 \u2718 \u274c wrong bad".split())
_GOOD: Final = frozenset(
    "good right strengths strength pros pro positives positive plus favour favor credit correct well "
    "in_its_favour in_its_favor on_the_plus_side what_is_right what_went_well right_things".split()
)
_SUMMING_UP: Final = frozenset(
    "overall verdict summary conclusion result grade score final problem issue failure reason fault cons con against "
    "weakness weaknesses negatives negative minus but however net finding not_good bad wrong".split()
)
_TOO_COMMON: Final = frozenset("correct use handling following taking turn the of and adherence completion".split())
_CORE: Final = re.compile(r"^[\W_]*(.*?)[\W_]*$", re.DOTALL)
_GENERAL_NAMES: Final = _GOOD | _SUMMING_UP


def in_passed_passages(tokens: Tokens, failed: Sequence[Names], others: Sequence[Names]) -> np.ndarray:
    """Return per token whether it is in a passage on a dimension that did not fail.

    `failed` and `others` name, per text, the dimensions that failed, and those that passed or do not apply.
    """
    flags = np.zeros(len(tokens.ids), dtype=bool)
    candidates = _may_end_name(tokens)
    if not candidates.any():
        return flags
    written = tokens.spellings.to_pylist()
    cores = [_core(word) for word in written]
    before_verdict = _before(tokens, t.VERDICT)
    dimensions = {dimension for names in {*failed, *others} for dimension in names}
    last_words = _last_words(_GENERAL_NAMES.union(*map(_names_of, dimensions)))
    may_end = np.array([core in last_words or "_" in word for word, core in zip(written, cores, strict=True)], bool)
    candidates &= may_end[tokens.ids] | before_verdict
    headings = []
    for window in _windows(tokens, cores, np.flatnonzero(candidates)):
        outcomes = _outcomes(failed[window.text], others[window.text])
        # Names of other texts' dimensions made it a candidate, too; only those of its own count.
        own = window.cores[_HERE] in outcomes.last_words or "_" in written[tokens.ids[window.end]]
        if (own or before_verdict[window.end]) and (heading := _heading(window, outcomes)) is not None:
            headings.append(heading)
    bounds = [heading.start for heading in headings[1:]] + [len(flags)]
    lines = np.flatnonzero(tokens.flags & t.LINE)
    for heading, bound in zip(headings, bounds, strict=False):
        if heading.passed:
            end = min(bound, int(np.searchsorted(tokens.text, tokens.text[heading.start], side="right")))
            if heading.begins_line:
                index = int(np.searchsorted(lines, heading.start))
                end = min(end, int(lines[index])) if index < len(lines) else end
            flags[heading.start : end] = True
    return flags


def _may_end_name(tokens: Tokens) -> np.ndarray:
    """Return per token whether a dimension's name may end there: a colon, a dash or a verdict follows."""
    colon = (tokens.flags & t.COLON) != 0
    follows = _before(tokens, t.BREAK | t.VERDICT)
    begins = np.ones(len(colon), dtype=bool)
    separated = (tokens.flags[:-1] & (t.STOP | t.BREAK | t.COMMA)) != 0
    begins[1:] = separated | (tokens.text[1:] != tokens.text[:-1])
    near = begins.copy()
    for back in range(1, _LONGEST_NAME):
        near[back:] |= begins[:-back]
    return np.asarray((colon | follows) & near & ((tokens.flags & (t.STOP | t.BREAK)) == 0))


def _before(tokens: Tokens, flag: int) -> np.ndarray:
    """Return per token whether the next token of its text has a flag."""
    before = np.zeros(len(tokens.ids), dtype=bool)
    before[:-1] = ((tokens.flags[1:] & flag) != 0) & (tokens.text[1:] == tokens.text[:-1])
    return before


@dataclass(frozen=True, slots=True)
class _Window:
    """The tokens around one where a name may end: `_HERE` tokens before it, itself, and the next."""

    end: int
    """The index of the token at `_HERE` among all tokens."""
    text: int
    inside: list[bool]
    """Whether each is in the same text."""
    flags: list[int]
    cores: list[str]

    def begins_line(self, start: int) -> bool:
        """Whether a token begins a line, with or without a bullet before it."""
        before, bullet = start - 1, start - 2
        return (
            not self.inside[before]
            or bool(self.flags[before] & t.LINE)
            or (bool(self.flags[before] & t.BREAK) and (not self.inside[bullet] or bool(self.flags[bullet] & t.LINE)))
        )


_HERE: Final = _LONGEST_NAME + 1


def _windows(tokens: Tokens, cores: list[str], ends: np.ndarray) -> Iterator[_Window]:
    """Yield the window around each of `ends`."""
    places = ends[:, None] + np.arange(-_HERE, 2)
    within = (places >= 0) & (places < len(tokens.ids))
    places = np.clip(places, 0, len(tokens.ids) - 1)
    text = tokens.text[ends]
    inside = within & (tokens.text[places] == text[:, None])
    columns = (ends, text, inside, tokens.flags[places], tokens.ids[places])
    for end, number, same, flags, ids in zip(*(column.tolist() for column in columns), strict=True):
        yield _Window(end, number, same, flags, [cores[i] if near else "" for i, near in zip(ids, same, strict=True)])


@dataclass(frozen=True, slots=True)
class _Heading:
    """The name that opens a passage."""

    start: int
    """The index of its first token."""
    begins_line: bool
    passed: bool
    """Whether what it names did not fail."""


def _heading(window: _Window, outcomes: _Outcomes) -> _Heading | None:
    """Return the heading whose name ends at `_HERE`, by the shortest name that is known; None if there is none."""
    for start in range(_HERE, _HERE - _LONGEST_NAME, -1):
        if not window.inside[start]:
            return None
        before = start - 1
        if window.inside[before] and not window.flags[before] & (t.STOP | t.BREAK | t.COMMA):
            continue
        name = "_".join(window.cores[start : _HERE + 1])
        passed = outcomes.passed.get(name)
        if passed is None:
            passed = _verdict(name, window.cores[_HERE + 1], colon=bool(window.flags[_HERE] & t.COLON))
        if passed is not None:
            return _Heading(window.end - _HERE + start, window.begins_line(start), passed)
    return None


def _verdict(name: str, follows: str, *, colon: bool) -> bool | None:
    """Whether what is named passed, by the name itself or the word that follows; None if neither says so."""
    if name in _GOOD or (follows in _PASSING and colon):
        return True
    return False if name in _SUMMING_UP or follows in _FAILING else None


@lru_cache(maxsize=1 << 16)
def _core(written: str) -> str:
    """Return a token in lower case without the punctuation around it."""
    match = _CORE.match(written)
    return (match[1] or written).lower().replace("-", "_") if match else written


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """The names that may stand for a row's dimensions."""

    passed: dict[str, bool]
    """Each name, and whether its dimension did not fail."""
    last_words: frozenset[str]
    """The words in which such a name, or a general one, ends."""


@lru_cache(maxsize=4096)
def _outcomes(failed: Names, others: Names) -> _Outcomes:
    """Return the names of a row's dimensions; a name of a failed dimension and of another means the failed one."""
    passed = {name: True for dimension in others for name in _names_of(dimension)}
    passed |= {name: False for dimension in failed for name in _names_of(dimension)}
    return _Outcomes(passed, _last_words(_GENERAL_NAMES.union(passed)))


def _last_words(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.rpartition("_")[2] for name in names)


@cache
def _names_of(dimension: str) -> frozenset[str]:
    """Return the names that may stand for a dimension: its own, its first words, its initials, and single words."""
    parts = dimension.lower().split("_")
    specific = [part for part in parts if part not in _TOO_COMMON and len(part) > 1]
    names = {dimension.lower(), "_".join(parts[:2]), "".join(part[0] for part in parts if part)}
    return frozenset(names | set(specific) | {part + "s" for part in specific})
