"""Find the account of a dimension in a reasoning that goes through them one by one ("kb_grounding: true, ...").

An account begins with a dimension's name (or a part of it, or its initials) and a colon, a dash or a verdict;
it ends where the next begins, at the line's end if it began a line, or where the judge sums up.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.rules import words as w

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.rules.words import Words

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


def passed_accounts(words: Words, failed: Sequence[Names], others: Sequence[Names]) -> np.ndarray:
    """Flag the words in the account of a dimension that did not fail.

    `failed` and `others` name, per text, the dimensions that failed and those that passed or do not apply.
    """
    flags = np.zeros(len(words.ids), dtype=bool)
    candidates = _may_end_name(words)
    if not candidates.any():
        return flags
    spelled = words.spellings.to_pylist()
    cores = [_core(word) for word in spelled]
    dimensions = {dimension for names in {*failed, *others} for dimension in names}
    last = {name.rpartition("_")[2] for names in (_GOOD, _SUMMING_UP, *map(_names_of, dimensions)) for name in names}
    ending = np.array([core in last or "_" in word for word, core in zip(spelled, cores, strict=True)], dtype=bool)
    ends = np.flatnonzero(candidates & (ending[words.ids] | _before(words.marks & w.VERDICT)))
    heads = []
    for around in _windows(words, cores, ends):
        head = _head(around, _outcomes(failed[around.text], others[around.text]))
        if head is not None:
            heads.append(head)
    bounds = [start for start, _, _ in heads[1:]] + [len(flags)]
    lines = np.flatnonzero(words.marks & w.LINE)
    for (start, line, passed), bound in zip(heads, bounds, strict=False):
        if passed:
            end = min(bound, int(np.searchsorted(words.text, words.text[start], side="right")))
            if line:
                place = int(np.searchsorted(lines, start))
                end = min(end, int(lines[place])) if place < len(lines) else end
            flags[start:end] = True
    return flags


def _may_end_name(words: Words) -> np.ndarray:
    """Flag words that may end a dimension's name: a colon or a verdict follows."""
    colon = (words.marks & w.COLON) != 0
    ahead = _before(words.marks & (w.BREAK | w.VERDICT))
    begins = np.ones(len(colon), dtype=bool)
    begins[1:] = ((words.marks[:-1] & (w.STOP | w.BREAK | w.COMMA)) != 0) | (words.text[1:] != words.text[:-1])
    near = begins.copy()
    for back in range(1, _LONGEST_NAME):
        near[back:] |= begins[:-back]
    return np.asarray((colon | ahead) & near & ((words.marks & (w.STOP | w.BREAK)) == 0))


def _before(marks: np.ndarray) -> np.ndarray:
    """Flag the words before those with a mark."""
    return np.concatenate([marks[1:] != 0, [False]]) if len(marks) else marks.astype(bool)


class _Window(NamedTuple):
    """The words around one that may end a name: those before it, itself, and the next."""

    end: int
    """Where the word at `_HERE` stands among all words."""
    text: int
    inside: list[bool]
    """Which of them stand in the same text."""
    marks: list[int]
    cores: list[str]


_HERE: Final = _LONGEST_NAME + 1


def _windows(words: Words, cores: list[str], ends: np.ndarray) -> Iterator[_Window]:
    """Give the words around each end, as lists: looking at arrays word by word takes many times as long."""
    places = ends[:, None] + np.arange(-_HERE, 2)
    within = (places >= 0) & (places < len(words.ids))
    places = np.clip(places, 0, len(words.ids) - 1)
    text = words.text[ends]
    inside = within & (words.text[places] == text[:, None])
    columns = (ends, text, inside, words.marks[places], words.ids[places])
    for end, number, near, marks, ids in zip(*(column.tolist() for column in columns), strict=True):
        spelled = [cores[place] if same else "" for place, same in zip(ids, near, strict=True)]
        yield _Window(end, number, near, marks, spelled)


def _head(around: _Window, outcomes: dict[str, bool]) -> tuple[int, bool, bool] | None:
    """Read the head of an account that ends here: its first word, whether it begins a line, and if it passed."""
    _, _, inside, marks, cores = around
    for start in range(_HERE, _HERE - _LONGEST_NAME, -1):
        if not inside[start]:
            return None
        before = start - 1
        if inside[before] and not marks[before] & (w.STOP | w.BREAK | w.COMMA):
            continue
        name = "_".join(cores[start : _HERE + 1])
        passed = outcomes.get(name)
        if passed is None:
            passed = _verdict(name, cores[_HERE + 1], colon=bool(marks[_HERE] & w.COLON))
        if passed is not None:
            return around.end - _HERE + start, _begins_line(around, start), passed
    return None


def _verdict(name: str, follows: str, *, colon: bool) -> bool | None:
    """Tell whether what is named passed, by the name itself or the word that follows."""
    if name in _GOOD or (follows in _PASSING and colon):
        return True
    return False if name in _SUMMING_UP or follows in _FAILING else None


def _begins_line(around: _Window, start: int) -> bool:
    """Tell whether a word begins a line, a bullet before it or not."""
    _, _, inside, marks, _ = around
    before, bullet = start - 1, start - 2
    return (
        not inside[before]
        or bool(marks[before] & w.LINE)
        or (bool(marks[before] & w.BREAK) and (not inside[bullet] or bool(marks[bullet] & w.LINE)))
    )


@lru_cache(maxsize=1 << 16)
def _core(written: str) -> str:
    match = _CORE.match(written)
    return (match[1] or written).lower().replace("-", "_") if match else written


@lru_cache(maxsize=4096)
def _outcomes(failed: Names, others: Names) -> dict[str, bool]:
    """Map every name that may stand for a dimension to whether it did not fail; failed ones go before."""
    outcomes = {name: True for dimension in others for name in _names_of(dimension)}
    return outcomes | {name: False for dimension in failed for name in _names_of(dimension)}


@cache
def _names_of(dimension: str) -> frozenset[str]:
    parts = dimension.lower().split("_")
    telling = [part for part in parts if part not in _TOO_COMMON and len(part) > 1]
    names = {dimension.lower(), "_".join(parts[:2]), "".join(part[0] for part in parts if part)}
    return frozenset(names | set(telling) | {part + "s" for part in telling})
