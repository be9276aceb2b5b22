"""The report as one self-contained page: the same blocks, drawn, and the rows behind every count.

An output format: `export` finds it by its `OUTPUTS`, and the verification of a report renders it again. Nothing else
imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from pipeline.export.formats.interface import Output
from pipeline.export.formats.page.drawings import causes, figures, heat_maps
from pipeline.export.formats.page.embed import embed
from pipeline.export.formats.page.layout import lay_out
from pipeline.export.formats.page.model import Page
from pipeline.export.formats.page.render import DATA, DESCRIPTION
from pipeline.export.formats.page.render import render as render_page
from pipeline.export.formats.page.turns import heat_map_cells

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report

BUDGET: Final = 3_000_000
"""How many bytes the embedded rows, their texts and the other models' answers may take."""


def render(report: Report, analysis: Analysis) -> bytes:
    """Return the page as bytes: the same for the same report and analysis."""
    before, *sections = lay_out(report.blocks)
    points = [point for section in sections for point in section.points]
    cells = heat_map_cells(analysis, points)
    maps = tuple(heat_maps(analysis, cells))
    rendered = render_page(
        Page(
            title=report.title,
            stamp=report.stamp,
            status=analysis.status,
            unit=analysis.options.compare_by,
            figures=tuple(figures(analysis)),
            warnings=sum(note.severity != "info" for note in analysis.notes),
            maps=maps,
            causes=tuple(causes(analysis)),
            before=before,
            sections=tuple(sections),
        )
    )
    data = embed(analysis, maps, cells, [point.row_id for point in points], BUDGET)
    head, _, tail = rendered.partition(DATA)
    return head.replace(DESCRIPTION, data.description.encode(), 1) + data.json + tail


def _write(report: Report, analysis: Analysis, stream: BinaryIO) -> None:
    stream.write(render(report, analysis))


OUTPUTS: Final = (Output("{stem}.html", _write, order=1),)
