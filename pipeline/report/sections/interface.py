"""What a report section is, and the few phrases that sections share."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pipeline.report.blocks import Heading, Rows, Strong, Table, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.ledger.gate import Unit
    from pipeline.report.blocks import Block, Inline, Inlines


class Section(NamedTuple):
    """A part of the report: its place among the others, and how its blocks come from an analysis."""

    order: int
    build: Callable[[Analysis], Iterable[Block]]


def per_benchmark(analysis: Analysis, build: Callable[[str], Iterable[Block]]) -> Iterator[Block]:
    """Build blocks for each benchmark apart, under a heading each when there are several."""
    for benchmark in analysis.benchmarks:
        if len(analysis.benchmarks) > 1:
            yield Heading(3, ("Benchmark ", benchmark))
        yield from build(benchmark)


def table(header: Sequence[str], rows: Iterable[Sequence[Inline | Inlines]], words_in: Collection[str] = ()) -> Table:
    """Make a table; its first column and those named in `words_in` hold words, the others figures."""
    numeric = tuple(index > 0 and name not in words_in for index, name in enumerate(header))
    return Table(tuple(header), tuple(map(tuple, rows)), numeric)


def rate(part: int, whole: int) -> str:
    """Write a rate with its counts: `7/75, 9.3%`; with nothing counted, `not measured`."""
    return f"{part}/{whole}, {part / whole:.1%}" if whole else "not measured"


def counted(number: int, text: str, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Let words that count rows of a model (or run, or with an empty name a whole benchmark) say which these are.

    `where` is that of `Rows`. A count of none leads nowhere and stays plain words.
    """
    benchmark, model = unit
    of_model = (("model", model),) if model else ()
    return Rows(text, (("benchmark", benchmark), *of_model, *where)) if number else text


def count(number: int, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Write a count of rows, and say which these are."""
    return counted(number, str(number), unit, *where)


def fraction(part: int, whole: int, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Write a rate with its counts, and say which rows its upper number counts."""
    return counted(part, rate(part, whole), unit, *where)


def ranges(numbers: Iterable[int], limit: int = 40) -> str:
    """Write sorted turn numbers shortly: `0-3, 7, 9`; past `limit` parts, say how many more there are."""
    return "".join(text for text, _ in _ranges(numbers, limit))


def turn_ranges(numbers: Iterable[int], benchmark: str) -> Inlines:
    """Write turn numbers as `ranges` does, each leading to its turn."""
    return tuple(text if turn is None else Turn(text, benchmark, turn) for text, turn in _ranges(numbers))


def _ranges(numbers: Iterable[int], limit: int = 40) -> Iterator[tuple[str, int | None]]:
    """Give the words for turn numbers, and for those that name turns the first of these."""
    ordered = sorted(numbers)
    if not ordered:
        yield "none", None
        return
    starts = [ordered[0], *(after for before, after in pairwise(ordered) if after != before + 1)]
    ends = [*(before for before, after in pairwise(ordered) if after != before + 1), ordered[-1]]
    spans = list(zip(starts, ends, strict=True))
    parts = [part for a, b in spans[:limit] for part in ([(a, b)] if b > a + 1 or a == b else [(a, a), (b, b)])]
    for place, (first, last) in enumerate(parts):
        yield from [(", ", None)] if place else []
        yield str(first) if first == last else f"{first}-{last}", first
    if left := sum(b - a + 1 for a, b in spans[limit:]):
        yield f" and {left} more", None


def labelled_turns(label: str, numbers: Collection[int], benchmark: str) -> Inlines:
    """Write turns under a label, with how many there are: **Turns** (3): 4, 8, 15."""
    return (Strong(label), f" ({len(numbers)}): " if numbers else ": ", *turn_ranges(numbers, benchmark))
