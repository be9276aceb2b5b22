"""Definitions of the terms that the report uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.ledger.codebook import MODES
from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Strong
from pipeline.report.sections.interface import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_TERMS = {
    "Row": "one turn of one run as judged. Its row id is the run id, a colon, and the turn.",
    "Judged row": "a row with at least one score over the counted dimensions; a row with none is incomplete, which is "
    "neither a pass nor a failure.",
    "Failed row": "a row with at least one false score over the counted dimensions. A null score is not applicable.",
    "Fails a turn": "a model fails a turn when enough of its judged runs of that turn failed (the run set says how "
    "many); flaky means that some but not all failed.",
    "Comparable turn": "a turn for which everything that is compared has a judged row. Only such turns enter the sets.",
    "Fails alone, passes alone": "turns that this one fails and no other does; that it passes and every other fails.",
    "Hardest turns": "comparable turns by the share of models failing, then of runs failing, then by number.",
    "Major mode": "one of a model's three largest, ties included, or at least a tenth of its failed rows; rows filled "
    "in after an ending are left out of that.",
    "Provisional": "put by a rule, not by a reviewer.",
    "Firm, tentative": "of a provisional label: firm where the rules and the text model agree on it, or "
    "where the shape of the response decides; else tentative, with the mode that comes next.",
    "Reviewed": "settled by reviewers who had opened the row as it is now. Reviewers that differ leave it disputed "
    "until one adjudicates; a row that changed since is stale. Neither counts as reviewed.",
    "Final": "every major bucket of every model has two rows decided into it (all, if it has fewer) and a finding that "
    "cites such rows; finer buckets count for their parents.",
}


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, ("Definitions",), "background")
    yield BulletList(tuple((Strong(f"{term}:"), f" {meaning}") for term, meaning in _TERMS.items()))
    yield Heading(3, ("Error modes",))
    yield BulletList(
        tuple((Code(mode), f", in short {text.short_name}: {text.what_goes_wrong}") for mode, text in MODES.items())
    )
    yield Paragraph(
        (
            "The full text of every failed row is in ",
            Code(c.PACKET_JSONL),
            " and ",
            Code(c.PACKET_CSV),
            ", found by its row id; the numbers are in ",
            Code(c.ANALYSIS_JSON),
            " and ",
            Code("tables/"),
            f". Rules: {analysis.rules_name}, sha256 ",
            Code(analysis.rules_sha256[:12]),
            ".",
        )
    )


SECTION = Section(90, _build)
