"""`report` and `summary`: build an analysis folder again, verify its report, say what was found."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import GateError, InputError, Problem
from pipeline.export.formats import page
from pipeline.export.formats.analysis_json import as_object, to_bytes
from pipeline.export.formats.markdown import is_unedited, render
from pipeline.ledger.store import read_ledger
from pipeline.load.folder import read_facts, read_local
from pipeline.load.records import Options, Request
from pipeline.report.sections import build_report
from pipeline.report.summary import summarise
from pipeline.report.text import one_line, shorten
from pipeline.review.answer import Answer
from pipeline.review.back import read_back
from pipeline.workflow import Written, analyze_into, read_and_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.listener import Listener

_ANALYSE: Final = "analyse again: error-analysis analyze --output"
_WIDTH: Final = 160


def rebuild(folder: Path, listener: Listener, *, final: bool) -> Written:
    """Build an analysis folder again from its inputs and its ledger.

    With `final` raises `GateError` with what is missing if the report would not be final, and writes nothing.
    """
    return analyze_into(request_of(folder), report_of(folder), listener, final=final)


def verify_report(folder: Path, listener: Listener) -> Answer:
    """Build the report again in memory and compare. Raises `GateError` naming every line that does not hold."""
    path = report_of(folder)
    analysis = read_and_count(request_of(folder), listener, read_ledger(folder))
    report = build_report(analysis)
    again = {
        path: render(report),
        path.with_suffix(".html"): page.render(report, analysis),
        folder / c.ANALYSIS_JSON: to_bytes(analysis),
    }
    problems = [problem for file, now in again.items() for problem in _problems(file, now, may_be_edited=file == path)]
    if problems:
        raise GateError(*problems)
    text = f"{path}: every line holds ({analysis.status.replace('_', ' ').upper()})"
    return Answer(text, {"report": str(path), "status": analysis.status, "verified": True})


def _problems(file: Path, now: bytes, *, may_be_edited: bool) -> list[Problem]:
    """List what does not hold in a file that would now have other contents, itself first; nothing if all holds."""
    try:
        there = file.read_bytes()
    except OSError as error:
        raise InputError(Problem(str(file), f"cannot be read: {error.strerror or error}", _ANALYSE)) from None
    problems = [
        Problem(f"{file}:{n}", f"{what}: {_short(line)}", fix)
        for n, what, line, fix in _differences(there, now)
        if line
    ]
    if may_be_edited and not is_unedited(there):
        fix = "keep what you wrote elsewhere and remove the file, or verify a folder of its own"
        problems.insert(0, Problem(str(file), "was edited by hand: what was added cannot be verified", fix))
    what = "does not hold as it is: inputs, rules, options or the ledger have changed, or the file was edited"
    return [Problem(str(file), what, "build it again: error-analysis report"), *problems] if problems else []


def _differences(there: bytes, now: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Give the number of each line that does not hold, why, the line, and what holds instead."""
    if there == now:
        return
    old, new = (data.decode(errors="replace").split("\n") for data in (there, now))
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for offset, line in enumerate(old[first:last]):
            instead = f"now: {_short(new[start + offset])}" if start + offset < end else "gone"
            yield first + offset + 1, "does not hold", line.strip(), instead
        for line in new[start + last - first : end]:
            yield first + 1, "is missing", line.strip(), "build the report again"


def _short(line: str) -> str:
    return shorten(one_line(line), _WIDTH)


def request_of(folder: Path) -> Request:
    """Return what was analysed, and how. Raises `UsageError` for a folder that is no analysis folder."""
    local, options = read_local(folder), read_facts(folder).options
    known = {name: options[name] for name in Options._fields if name in options}
    return Request(
        comparison_dir=local.comparison_dir,
        run_dirs=() if local.comparison_dir is not None else tuple(local.run_dirs.values()),
        runs_root=local.runs_root,
        rules=local.rules,
        options=Options(**known | {"exclude_dimensions": tuple(known.get("exclude_dimensions", ()))}),
    )


def report_of(folder: Path) -> Path:
    """Return where the report of an analysis folder is."""
    names = [name for name in read_local(folder).outputs if name.endswith(".md")]
    return folder / (names[0] if names else f"{c.REPORT_STEM}.md")


def summarise_folder(folder: Path) -> Answer:
    """Say what was found, from the folder alone, with the ledger as it is now."""
    analysis = read_back(folder, request_of(folder).options)
    report = report_of(folder)
    stamp = "" if report.is_file() else " (not there: build it with error-analysis report)"
    text = f"{summarise(analysis)}\n\nReport: {report}{stamp}"
    return Answer(text, as_object(analysis) | {"summary": text, "report": str(report)})
