"""Pipeline losses: per run what the harness lost, excluded or changed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.frames import records
from pipeline.report.sections.interface import Section, ranges, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_NAMES = {
    "failed_turn": "failed turns",
    "runtime_excluded": "excluded turns",
    "recovery_row": "recovery rows",
    "duplicate": "duplicates in the transcript",
    "realigned": "realigned",
    "not_valid": "not valid",
    "status": "bad status",
}


def _build(rows: AnalysisRows) -> Iterator[Block]:
    losses: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in records(rows.analysis.pipeline_losses):
        losses[row.run_id][row.kind] += [row.turn] if isinstance(row.turn, int) else []
    if not losses:
        return
    yield Heading(2, ("Pipeline losses",), "background")
    what = (
        "What the harness lost, excluded or changed, by its own files; turns that failed there or were excluded are "
        "neither passed nor failed."
    )
    yield Paragraph((what,))
    kinds = [kind for kind in c.LOSS_KINDS if any(kind in of_run for of_run in losses.values())]
    yield table(
        ["run", *(_NAMES[kind] for kind in kinds)],
        [(run_id, *(_cell(of_run, kind) for kind in kinds)) for run_id, of_run in losses.items()],
        words_in=[_NAMES[kind] for kind in kinds],
    )


def _cell(of_run: dict[str, list[int]], kind: str) -> str:
    if kind not in of_run:
        return ""
    return ranges(of_run[kind]) if of_run[kind] else "yes"


SECTION = Section(74, _build)
