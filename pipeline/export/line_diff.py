"""Find the lines that differ between two texts, in a time that grows with their length only."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SMALL: Final = 10_000
"""Two parts are compared in every detail if their numbers of lines, multiplied, are no more than this."""

Change = tuple[int, int, int, int]
"""The lines from the first to the second number (exclusive) became those from the third to the fourth."""


def changed_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Yield what differs, in order.

    `difflib` takes quadratic time where lines repeat. So lines that occur once in both texts are matched first, as
    in patience diff (https://bramcohen.livejournal.com/73318.html), and only what lies between them is compared.
    """
    first = start = 0
    for last, end in [*_anchors(old, new), (len(old), len(new))]:
        yield from _between(old[first:last], new[start:end], first, start)
        first, start = last + 1, end + 1


def _between(old: Sequence[str], new: Sequence[str], first: int, start: int) -> Iterator[Change]:
    """Yield what differs between two parts that begin at the lines `first` and `start`."""
    same = next(
        (n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    old, new, first, start = old[same:], new[same:], first + same, start + same
    if not old and not new:
        return
    if len(old) * len(new) > _SMALL:  # many lines that repeat: one by one, and what one text has more is the rest
        pairs = enumerate(zip(old, new, strict=False))
        yield from ((first + n, first + n + 1, start + n, start + n + 1) for n, (was, now) in pairs if was != now)
        both = min(len(old), len(new))
        if len(old) != len(new):
            yield first + both, first + len(old), start + both, start + len(new)
        return
    for kind, begin, end, begin_new, end_new in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield first + begin, first + end, start + begin_new, start + end_new


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest series of lines that occur once in both texts and in the same order, as positions."""
    counts, counts_new = Counter(old), Counter(new)
    places = {line: place for place, line in enumerate(new) if counts_new[line] == 1}
    pairs = [(place, places[line]) for place, line in enumerate(old) if counts[line] == 1 and line in places]
    ends: list[int] = []  # the smallest last position in `new` of a series of each length: patience sorting
    last: list[int] = []  # which pair that is
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    series: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        series.append(pairs[number])
        number = before[number]
    return series[::-1]
