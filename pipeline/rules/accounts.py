"""Find the account of a dimension in a reasoning that goes through them one by one ("kb_grounding: true, ...").

An account begins with a dimension's name (or a part of it, or its initials) and a colon, a dash or a verdict;
it ends where the next begins, at the line's end if it began a line, or where the judge sums up.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.rules import words as w

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.words import Words

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


def passed_accounts(words: Words, failed: Sequence[list[str]], others: Sequence[list[str]]) -> np.ndarray:
    """Flag the words in the account of a dimension that did not fail.

    `failed` and `others` name, per text, the dimensions that failed and those that passed or do not apply.
    """
    flags = np.zeros(len(words.ids), dtype=bool)
    candidates = _may_end_name(words)
    if not candidates.any():
        return flags
    spelled = words.spellings.to_pylist()
    dimensions = {dimension for names in (*failed, *others) for dimension in names}
    last = {name.rpartition("_")[2] for names in (_GOOD, _SUMMING_UP, *map(_names_of, dimensions)) for name in names}
    ending = np.array([_core(word) in last or word.count("_") > 0 for word in spelled], dtype=bool)[words.ids]
    ends = np.flatnonzero(candidates & (ending | _before(words.marks & w.VERDICT)))
    heads = [head for end in ends.tolist() if (head := _head(words, spelled, end, failed, others)) is not None]
    if not heads:
        return flags
    bounds = [start for start, _, _ in heads[1:]] + [len(flags)]
    lines = np.flatnonzero(words.marks & w.LINE)
    for (start, line, passed), bound in zip(heads, bounds, strict=True):
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


def _head(
    words: Words, spelled: list[str], end: int, failed: Sequence[list[str]], others: Sequence[list[str]]
) -> tuple[int, bool, bool] | None:
    """Read the head of an account that ends at a word: its first word, whether it begins a line, and if it passed."""
    text = int(words.text[end])
    outcomes = _outcomes(tuple(failed[text]), tuple(others[text]))
    for length in range(1, _LONGEST_NAME + 1):
        start = end - length + 1
        if start < 0 or words.text[start] != text:
            return None
        before = start - 1
        at_start = before < 0 or words.text[before] != text
        if not at_start and not words.marks[before] & (w.STOP | w.BREAK | w.COMMA):
            continue
        name = "_".join(_core(spelled[number]) for number in words.ids[start : end + 1])
        line = at_start or bool(words.marks[before] & w.LINE) or _is_bullet(words, before)
        if (passed := outcomes.get(name)) is not None:
            return start, line, passed
        verdict = _core(spelled[words.ids[end + 1]]) if end + 1 < len(words.ids) else ""
        if name in _GOOD or (verdict in _PASSING and words.marks[end] & w.COLON):
            return start, line, True
        if name in _SUMMING_UP or verdict in _FAILING:
            return start, line, False
    return None


def _is_bullet(words: Words, place: int) -> bool:
    return bool(words.marks[place] & w.BREAK) and (place == 0 or bool(words.marks[place - 1] & w.LINE))


@lru_cache(maxsize=1 << 16)
def _core(written: str) -> str:
    match = _CORE.match(written)
    return (match[1] or written).lower().replace("-", "_") if match else written


@lru_cache(maxsize=4096)
def _outcomes(failed: tuple[str, ...], others: tuple[str, ...]) -> dict[str, bool]:
    """Map every name that may stand for a dimension to whether it did not fail; failed ones go before."""
    outcomes = {name: True for dimension in others for name in _names_of(dimension)}
    return outcomes | {name: False for dimension in failed for name in _names_of(dimension)}


@cache
def _names_of(dimension: str) -> frozenset[str]:
    parts = dimension.lower().split("_")
    telling = [part for part in parts if part not in _TOO_COMMON and len(part) > 1]
    names = {dimension.lower(), "_".join(parts[:2]), "".join(part[0] for part in parts if part)}
    return frozenset(names | set(telling) | {part + "s" for part in telling})
