"""What a report section is, and the few phrases that sections share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.document import Heading, Strong, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.document import Block, Inline, Inlines


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: its place among the others, and how its blocks come from an analysis."""

    order: int
    build: Callable[[Analysis], Iterable[Block]]


def per_benchmark(analysis: Analysis, build: Callable[[str], Iterable[Block]]) -> Iterator[Block]:
    """Build blocks for each benchmark apart, under a heading each when there are several."""
    for benchmark in analysis.benchmarks:
        if len(analysis.benchmarks) > 1:
            yield Heading(3, ("Benchmark ", benchmark))
        yield from build(benchmark)


def table(header: Sequence[str], rows: Iterable[Sequence[Inline]], words_in: Collection[str] = ()) -> Table:
    """Make a table; its first column and those named in `words_in` hold words, the others figures."""
    numeric = tuple(index > 0 and name not in words_in for index, name in enumerate(header))
    return Table(tuple(header), tuple(map(tuple, rows)), numeric)


def rate(part: int, whole: int) -> str:
    """Write a rate with its counts: `7/75, 9.3%`; with nothing counted, `not measured`."""
    return f"{part}/{whole}, {part / whole:.1%}" if whole else "not measured"


def ranges(numbers: Iterable[int], limit: int = 40) -> str:
    """Write sorted turn numbers shortly: `0-3, 7, 9`; past `limit` parts, say how many more there are."""
    ordered = sorted(numbers)
    if not ordered:
        return "none"
    starts = [ordered[0], *(after for before, after in pairwise(ordered) if after != before + 1)]
    ends = [*(before for before, after in pairwise(ordered) if after != before + 1), ordered[-1]]
    parts = [f"{a}" if a == b else f"{a}-{b}" if b > a + 1 else f"{a}, {b}" for a, b in zip(starts, ends, strict=True)]
    left = sum(b - a + 1 for a, b in zip(starts[limit:], ends[limit:], strict=True))
    return ", ".join(parts[:limit]) + (f" and {left} more" if left else "")


def labelled_turns(label: str, numbers: Collection[int]) -> Inlines:
    """Write turns under a label, with how many there are: **Turns** (3): 4, 8, 15."""
    return (Strong(label), f" ({len(numbers)}): {ranges(numbers)}" if numbers else ": none")
