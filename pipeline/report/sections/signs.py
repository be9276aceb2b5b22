"""Signs of a broken response: each with the failure rates of the rows with and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.frames import grouped
from pipeline.report.sections.interface import Section, listed, per_benchmark, rate, table
from pipeline.schema import SIGN_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_NAMES: Final = {
    "chat_template_tokens": "chat-template tokens",
    "cut_off": "cut off",
    "loop": "repeats itself",
    "other_language": "not the user's language",
    "far_longer": "far longer than usual",
    "far_shorter": "far shorter than usual",
}
_SHOWN: Final = 3
_CONTAMINATION: Final = "response_contamination"


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not analysis.signs["rows"].any():
        return
    yield Heading(2, (f"Signs of a broken response by {analysis.options.compare_by}",))
    what = (
        "Found in the text of the responses without a judge, in passed rows too. Failed rows over judged rows with and "
        "without each sign; a sign is a reason to read a row, not a verdict."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    found = [row for row in grouped(rows.analysis.signs, ["benchmark_name"])[benchmark] if row.rows]
    if found:
        unit = rows.analysis.options.compare_by
        header = ["sign", unit, "rows", "failed with it", "failed without it", "for example"]
        cells = [
            (
                _NAMES[row.sign],
                row.model_name,
                str(row.rows),
                rate(row.failed_rows, row.rows),
                rate(row.failed_without, row.rows_without),
                tuple(listed((Code(row_id),) for row_id in row.examples[:_SHOWN])),
            )
            for row in found
        ]
        yield table(header, cells, words_in=(unit, "for example"))
    if absent := [_NAMES[sign] for sign in SIGN_NAMES if sign not in {row.sign for row in found}]:
        yield Paragraph((f"Not found: {', '.join(absent)}.",))
    if leaks := [row for row in found if row.sign == "chat_template_tokens"]:
        leaked, failed = sum(row.rows for row in leaks), sum(row.failed_rows for row in leaks)
        what = (
            f"Tokens of the chat template leaked into {leaked} {'response' if leaked == 1 else 'responses'}, {failed} "
            "of which failed. Where that is the cause, use the finer bucket "
        )
        yield Paragraph((what, Code(_CONTAMINATION), "."))


SECTION = Section(54, _build)
