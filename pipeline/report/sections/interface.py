"""The interface of a report section, and what sections share: tables, rates, turn numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline import schema
from pipeline.report.blocks import Heading, Rows, Strong, Table, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.ledger.gate import Unit
    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.rows import AnalysisRows


@dataclass(frozen=True)
class Section:
    """A part of the report: its place among the others, and the function that builds its blocks."""

    order: int
    build: Callable[[AnalysisRows], Iterable[Block]]


# --- Blocks --------------------------------------------------------------------------------------------------


def per_benchmark(analysis: Analysis, build: Callable[[str], Iterable[Block]]) -> Iterator[Block]:
    """Yield the blocks of each benchmark, under a heading each when there are several."""
    benchmarks = analysis.benchmarks
    for benchmark in benchmarks:
        if len(benchmarks) > 1:
            yield Heading(3, ("Benchmark ", benchmark))
        yield from build(benchmark)


def table(header: Sequence[str], rows: Iterable[Sequence[Inline | Inlines]], words_in: Collection[str] = ()) -> Table:
    """Return a table; its first column and those named in `words_in` contain words, the others numbers."""
    numeric = tuple(index > 0 and name not in words_in for index, name in enumerate(header))
    return Table(tuple(header), tuple(map(tuple, rows)), numeric)


def listed(items: Iterable[Sequence[Inline]], separator: str = ", ") -> list[Inline]:
    """Return the parts of all items in one list, with a separator between items."""
    parts: list[Inline] = []
    for item in items:
        parts += [separator, *item] if parts else item
    return parts


def rate(part: int, whole: int) -> str:
    """Format a rate with its counts: `7/75, 9.3%`; without a denominator `not measured`."""
    return f"{part}/{whole}, {part / whole:.1%}" if whole else "not measured"


def counted(number: int, text: str, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Return a text that counts rows of a model (or run, or with an empty name a whole benchmark), as `Rows`.

    `where` is that of `Rows`. A count of zero leads to no rows and stays plain text.
    """
    benchmark, model = unit
    of_model = (("model", model),) if model else ()
    return Rows(text, (("benchmark", benchmark), *of_model, *where)) if number else text


def count(number: int, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Return a count of rows, as `counted` does."""
    return counted(number, str(number), unit, *where)


def fraction(part: int, whole: int, unit: Unit, *where: tuple[str, str]) -> Inline:
    """Return a rate with its counts, as `counted` does for the rows in its numerator."""
    return counted(part, rate(part, whole), unit, *where)


def with_tentative(content: Inline, tentative: int, unit: Unit, *where: tuple[str, str]) -> Inline | Inlines:
    """Return a number of failed rows, and how many of their labels are tentative: `12 (5 tentative)`."""
    if not tentative:
        return content
    confidence = ("confidence", schema.TENTATIVE)
    return (content, " (", counted(tentative, f"{tentative} tentative", unit, *where, confidence), ")")


# --- Turn numbers --------------------------------------------------------------------------------------------


def ranges(numbers: Iterable[int], limit: int = 40) -> str:
    """Format turn numbers as ranges: `0-3, 7, 9`; past `limit` ranges, with how many turns are not shown."""
    return "".join(text for text, _ in _ranges(numbers, limit))


def turn_ranges(numbers: Iterable[int], benchmark: str) -> Inlines:
    """Return turn numbers formatted as by `ranges`, each leading to its turn."""
    return tuple(text if turn is None else Turn(text, benchmark, turn) for text, turn in _ranges(numbers))


def _ranges(numbers: Iterable[int], limit: int = 40) -> Iterator[tuple[str, int | None]]:
    """Yield the parts of the text, each with the first turn that it names, or None for a separator."""
    ordered = sorted(map(int, numbers))
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
    """Return turns under a label, with their number: **Turns** (3): 4, 8, 15."""
    return (Strong(label), f" ({len(numbers)}): " if numbers else ": ", *turn_ranges(numbers, benchmark))
