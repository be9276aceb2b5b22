"""Compare an analysis folder with what it would be now, line by line."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from pipeline import schema
from pipeline.errors import GateError, InputError, Problem
from pipeline.export.formats import page
from pipeline.export.formats.analysis_json import to_bytes
from pipeline.export.formats.markdown import render
from pipeline.export.line_diff import changed_lines
from pipeline.load.edited import is_unedited
from pipeline.load.whole import digest_of, listed_digests, refuse_irregular
from pipeline.report.sections import build_report
from pipeline.report.text import one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.analysis import Analysis

_WIDTH: Final = 160
_REBUILD: Final = "build it again: error-analysis report"


def verify_folder(folder: Path, path: Path, analysis: Analysis) -> None:
    """Compare the report at `path`, its page and `analysis.json` with what the analysis would write now.

    Of the other files it is only said whether they are those that `analysis.json` was written with. Raises
    `GateError` naming every line that no longer holds, and `InputError` for a file that cannot be read.
    """
    report = build_report(analysis)
    now = {path: render(report), path.with_suffix(".html"): page.render(report, analysis)}
    digests = {file.name: hashlib.sha256(new).hexdigest() for file, new in now.items()}
    others = {name: digest for name, digest in listed_digests(folder).items() if name not in digests}
    files = dict(sorted({**others, **digests}.items()))
    now[folder / schema.ANALYSIS_JSON] = to_bytes(analysis, files)
    refuse_irregular(folder, [*others, *(str(file.relative_to(folder)) for file in now)])
    problems = [problem for file, new in now.items() for problem in _problems(file, new, may_be_edited=file == path)]
    problems += [problem for name, digest in others.items() if (problem := _other_file(folder / name, digest))]
    if problems:
        raise GateError(*problems)


def _problems(file: Path, now: bytes, *, may_be_edited: bool) -> list[Problem]:
    """Return what does not hold in a file that would now have other contents, itself first; nothing if all holds."""
    try:
        there = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None
    problems = [
        Problem(f"{file}:{n}", f"{what}: {_short(line)}", fix)
        for n, what, line, fix in _differences(there, now)
        if line
    ]
    if may_be_edited and not is_unedited(there):
        fix = "keep what you wrote elsewhere and remove the file, or verify a folder of its own"
        problems.insert(0, Problem(str(file), "was edited by hand: what was added cannot be verified", fix))
    what = "does not hold as it is: inputs, rules, options or the ledger have changed, or the file was edited"
    return [Problem(str(file), what, _REBUILD), *problems] if problems else []


def _other_file(file: Path, digest: str) -> Problem | None:
    """Return a problem if a file is not the one of this digest."""
    try:
        if digest_of(file) == digest:
            return None
    except FileNotFoundError:
        return Problem(str(file), "is missing", _REBUILD)
    except OSError as error:
        raise _unreadable(file, error) from None
    return Problem(str(file), f"is not the file that {schema.ANALYSIS_JSON} was written with", _REBUILD)


def _unreadable(file: Path, error: OSError) -> InputError:
    fix = "analyse again: error-analysis analyze --output"
    return InputError(Problem(str(file), f"cannot be read: {error.strerror or error}", fix))


def _differences(there: bytes, now: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Yield the number of each line that does not hold, why, the line, and what holds instead."""
    if there == now:
        return
    old, new = (data.decode(errors="replace").split("\n") for data in (there, now))
    for first, last, start, end in changed_lines(old, new):
        for offset, line in enumerate(old[first:last]):
            instead = f"now: {_short(new[start + offset])}" if start + offset < end else "gone"
            yield first + offset + 1, "does not hold", line.strip(), instead
        for line in new[start + last - first : end]:
            yield first + 1, "is missing", line.strip(), "build the report again"


def _short(line: str) -> str:
    return shorten(one_line(line), _WIDTH)
