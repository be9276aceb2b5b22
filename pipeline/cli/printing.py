"""What the command prints: results to stdout, progress and problems to stderr, or one JSON object."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer

from pipeline import schema as c
from pipeline.report.text import escaped_json, name_line, one_line, shorten, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.errors import Problem
    from pipeline.export.target import Target
    from pipeline.export.transcripts import TranscriptReview
    from pipeline.review.answer import Answer
    from pipeline.workflow import Written

_PER_FILE: Final = 20
_MOST: Final = 200
"""So many problems or notes are printed as text."""
_LONGEST: Final = 4000
"""So many characters of a line are printed on stderr."""
_PATIENCE: Final = 1.0
"""Seconds before a progress bar shows."""
_LABELS: Final = {"report": "Report", "page": "Page", "packet_jsonl": "Packet", "analysis": "Numbers"}


class _Messages(logging.Handler):
    """Prints what the package logs on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        _warn(record.getMessage())


@contextmanager
def progress_shown() -> Iterator[Callable[[int, int], None]]:
    """Yield a function to tell how many bytes were read, and of how many; show messages of the package on stderr.

    A bar shows on a terminal once the work has taken a second; elsewhere nothing does.
    """
    log, messages = logging.getLogger("pipeline"), _Messages()
    log.addHandler(messages)
    log.setLevel(logging.INFO)
    start, bar, shown = time.monotonic(), None, 0

    def progress(done: int, whole: int) -> None:
        nonlocal bar, shown
        late = time.monotonic() - start > _PATIENCE
        if bar is None and late and sys.stderr is not None and sys.stderr.isatty():
            bar = bars.enter_context(typer.progressbar(length=whole, label="Reading runs", file=sys.stderr))
        if bar is not None:
            bar.update(done - shown)
            shown = done

    with ExitStack() as bars:
        try:
            yield progress
        finally:
            log.removeHandler(messages)


def print_written(written: Written, *, as_json: bool) -> None:
    """Print the summary of an analysis and its paths; error notes go to stderr as well."""
    from pipeline.export.formats.analysis_json import as_object
    from pipeline.report.summary import summarise_briefly

    analysis, target = written.analysis, written.target
    paths = {
        "folder": target.folder,
        "report": written.report,
        "page": target.page,
        "packet_jsonl": target.folder / c.PACKET_JSONL,
        "packet_csv": target.folder / c.PACKET_CSV,
        "analysis": target.folder / c.ANALYSIS_JSON,
        "tables": target.folder / "tables",
    }
    _warn_all([f"error: {note.where}: {note.what}" for note in analysis.notes if note.severity == "error"])
    if written.report == target.new_report:
        _warn(f"{target.report} was edited by hand and is kept; the new report is {target.new_report}")
    if as_json:
        _print_json(as_object(analysis, written.digests) | {"paths": {name: str(path) for name, path in paths.items()}})
        return
    _print(summarise_briefly(analysis))
    _print("")
    for name, label in _LABELS.items():
        _print(f"{label}: {_short(paths[name])}")
    _print(f"More: error-analysis summary {quote(_short(target.folder))}")


def print_other_files(target: Target) -> None:
    """Say on stderr which files were written beside files that are no analysis, and what to do instead."""
    from pipeline.export.target import listed_outputs, other_files

    if others := other_files(target):
        names = sorted(
            {
                f"{top}/" if below else top
                for top, _, below in (name.partition("/") for name in listed_outputs(target.folder) or ())
            }
        )
        _warn(
            f"{_short(target.folder)} also holds files that are no analysis ({some(others, 3)}); written beside "
            f"them: {', '.join(names)}; for a folder of its own give --output DIR/"
        )


def print_transcripts(read: TranscriptReview, *, as_json: bool) -> None:
    """Print what was read of transcripts: counts of suspicious turns, never of failed ones, and the paths."""
    folder = read.target.folder
    paths = {
        "folder": folder,
        "report": read.report,
        "packet_csv": folder / c.MANUAL_CSV,
        "analysis": folder / c.ANALYSIS_JSON,
        "review_metadata": folder / c.REVIEW_METADATA,
    }
    if as_json:
        _print_json(read.numbers | {"paths": {name: str(path) for name, path in paths.items()}})
        return
    _print("Status: NOT JUDGED")
    for benchmark, of_benchmark in read.numbers["benchmarks"].items():
        for model, counts in of_benchmark["models"].items():
            suspicious = f"{counts['suspicious_turns']} of {counts['turns']} turns suspicious"
            _print(one_line(f"{benchmark}: {model}: not judged; {suspicious}"))
    for name, path in paths.items():
        _print(f"{name.replace('_', ' ').capitalize()}: {_short(path)}")


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Print what a command answers."""
    print_text_or_json(answer.text, answer.data, as_json=as_json)


def print_text_or_json(text: str, data: dict[str, Any], *, as_json: bool) -> None:
    """Print lines of text, made safe for a terminal, or an object as JSON."""
    if as_json:
        _print_json(data)
    else:
        lines = text.split("\n")
        _print("\n".join(line[: len(line) - len(line.lstrip(" "))] + one_line(line) for line in lines))


def print_checks(analysis: Analysis, *, as_json: bool) -> int:
    """Print the artifact notes; return the exit code."""
    from pipeline.report.text import words

    errors = [note for note in analysis.notes if note.severity == "error"]
    code = 2 if errors else 0
    if as_json:
        result: dict[str, Any] = {
            "inputs": [asdict(run) for run in analysis.inputs],
            "notes": [asdict(note) for note in analysis.notes],
        }
        if errors:
            problems = [{"where": note.where, "what": note.what, "fix": ""} for note in errors]
            result["error"] = {"exit_code": code, "problems": problems}
        _print_json(result)
        return code
    others = [note for note in analysis.notes if note.severity != "error"]
    listed = analysis.notes if len(analysis.notes) <= _MOST else (*errors, *others)
    lines = [name_line(f"{note.severity}: {note.where}: {note.what}") for note in listed[:_MOST]]
    if left := len(listed) - len(lines):
        lines.append(f"and {left} more notes (--json lists them)")
    counts = Counter(note.severity for note in analysis.notes)
    found = f"{words('error', counts['error'])}, {words('warning', counts['warning'])}, {counts['info']} info"
    _print("\n".join([*lines, f"{words('run', len(analysis.inputs))} checked: {found}"]))
    return code


def print_problems(problems: Sequence[Problem], code: int, *, as_json: bool) -> None:
    """Print what stopped the command: to stderr, 20 a file and the total, or all as one JSON object."""
    if as_json:
        listed = [{"where": p.where, "what": p.what, "fix": p.fix} for p in problems]
        _print_json({"error": {"exit_code": code, "problems": listed}})
        return
    seen: Counter[str] = Counter()
    shown: list[str] = []
    for problem in problems:
        file = problem.where.rpartition(":")[0] or problem.where
        seen[file] += 1
        if seen[file] <= _PER_FILE:
            shown.append(f"error: {problem}")
    totals = [
        f"error: {file}: {n} problems in all, {n - _PER_FILE} not shown (--json lists them)"
        for file, n in seen.items()
        if n > _PER_FILE
    ]
    _warn_all(shown)
    _warn_all(totals)


def say(text: str) -> None:
    """Print a line at once."""
    _print(name_line(text))


def _print(text: str) -> None:
    _write(sys.stdout, text)


def _print_json(value: object) -> None:
    _print(escaped_json(json.dumps(value, ensure_ascii=False, indent=2)))


def _warn(text: str) -> None:
    _write(sys.stderr, shorten(name_line(text), _LONGEST))


def _warn_all(lines: Sequence[str]) -> None:
    """Print the first lines on stderr, and how many more there are."""
    for line in lines[:_MOST]:
        _warn(line)
    if len(lines) > _MOST:
        _warn(f"error: and {len(lines) - _MOST} more (--json lists them)")


def _write(stream: TextIO | None, text: str) -> None:
    """Write a line in UTF-8, whatever the terminal says that it takes.

    A closed stream takes nothing, and one whose reader has gone takes nothing more.
    """
    if stream is None:
        return
    try:
        stream.buffer.write(text.encode(errors="replace") + b"\n")
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _short(path: Path) -> str:
    here = Path.cwd()
    return name_line(str(path.relative_to(here) if path.is_relative_to(here) else path))
