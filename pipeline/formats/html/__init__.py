"""The report as one self-contained page: the same blocks, drawn, and the rows behind every count."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from pipeline.formats.html.answers import Answers
from pipeline.formats.html.drawings import causes, figures, heat_map
from pipeline.formats.html.embed import embed
from pipeline.formats.html.layout import lay_out
from pipeline.formats.html.turns import turn_maps
from pipeline.formats.interface import Output
from pipeline.page import renderer
from pipeline.page.model import Page
from pipeline.page.renderer import DATA, SAID

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.analysis import Analysis
    from pipeline.document import Report
    from pipeline.formats.interface import Write

BUDGET: Final = 3_000_000
"""So many bytes the embedded rows, their texts and the counterpart answers may take."""


def render(report: Report, analysis: Analysis) -> bytes:
    """Render the page. The same report and analysis give the same bytes."""
    return _start(report, analysis)()


def _start(report: Report, analysis: Analysis) -> Callable[[], bytes]:
    """Start to render the page; the result embeds the rows, and gives the page."""
    before, *sections = lay_out(report.blocks)
    points = [point for section in sections for point in section.points]
    answers = Answers(analysis, turn_maps(analysis, points), points)
    page = Page(
        title=report.title,
        stamp=report.stamp,
        status=analysis.status,
        unit=analysis.options.compare_by,
        figures=tuple(figures(analysis)),
        warnings=sum(note.severity != "info" for note in analysis.notes),
        maps=tuple(map(heat_map, answers.maps)),
        answers_left=answers.left,
        causes=tuple(causes(analysis)),
        before=before,
        sections=tuple(sections),
    )
    finish = renderer.start(page)

    def end() -> bytes:
        data = embed(analysis, answers, [point.row_id for point in points], BUDGET)
        head, _, tail = finish().partition(DATA)
        return b"".join([head.replace(SAID, data.said.encode(), 1), data.json, tail])

    return end


def _start_output(report: Report, analysis: Analysis) -> Write:
    end = _start(report, analysis)
    return lambda _report, _analysis, stream: _put(stream, end())


def _write(report: Report, analysis: Analysis, stream: BinaryIO) -> None:
    _put(stream, render(report, analysis))


def _put(stream: BinaryIO, page: bytes) -> None:
    stream.write(page)


OUTPUTS: Final = (Output("{stem}.html", _write, start=_start_output, order=1),)
