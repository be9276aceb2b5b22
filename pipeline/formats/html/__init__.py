"""The report as one self-contained page: the same blocks, drawn, and the rows behind every count."""

from __future__ import annotations

from io import BytesIO
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
    from pipeline.analysis import Analysis
    from pipeline.document import Report
    from pipeline.formats.interface import Write

BUDGET: Final = 3_000_000
"""So many bytes the embedded rows, their texts and the counterpart answers may take."""


def render(report: Report, analysis: Analysis) -> bytes:
    """Render the page. The same report and analysis give the same bytes."""
    stream = BytesIO()
    _begin(report, analysis)(stream)
    return stream.getvalue()


def _begin(report: Report, analysis: Analysis) -> Write:
    """Begin to render the page; what is given embeds the rows in it."""
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
        causes=tuple(causes(analysis)),
        before=before,
        sections=tuple(sections),
    )
    rendered = renderer.start(page)

    def write(stream: BinaryIO) -> None:
        data = embed(analysis, answers, [point.row_id for point in points], BUDGET)
        head, _, tail = rendered().partition(DATA)
        stream.writelines([head.replace(SAID, data.said.encode(), 1), data.json, tail])

    return write


OUTPUTS: Final = (Output("{stem}.html", _begin, order=1),)
