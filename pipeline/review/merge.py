"""`review merge` and `review repair`: bring ledgers together, and set aside invalid lines."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError, PipelineError, Problem
from pipeline.ledger.events import Batch
from pipeline.ledger.store import DAMAGED, LEDGER, read_events
from pipeline.report.text import visible_name
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.review.folder import Folder


def merge(folder: Folder, files: Sequence[Path]) -> Answer:
    """Append the events of other ledgers that this one does not have; of all files, or of none."""
    sources = [file / LEDGER if file.is_dir() else file for file in files]
    problems: list[Problem] = []
    read = []
    for source in sources:
        try:
            if not source.is_file():
                raise InputError(Problem(str(source), "no such ledger", f"give a {LEDGER} or the folder that holds it"))
            read.append(read_events(source))
        except PipelineError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    with folder.ledger_file.writing() as writer:
        known = defaultdict(list)
        for event in writer.ledger.given:
            known[event.id].append(event)
        lines = []
        events = 0
        for found in read:
            for event, raw in zip(found.events, found.raw, strict=True):
                if event not in known[event.id]:  # another event of the same id too: the replay decides which counts
                    known[event.id].append(event)
                    lines.append(raw + b"\n")
                    events += len(event.events) if isinstance(event, Batch) else 1
        if lines:
            writer.append_lines(lines)
    there = sum(len(found.events) for found in read) - len(lines)
    text = f"merged {events} events from {len(sources)} ledgers; {there} were there already"
    return Answer(text, {"added": events, "already_there": there, "ledgers": [str(source) for source in sources]})


def repair(folder: Folder) -> Answer:
    """Move the invalid lines of the ledger into a file beside it; nothing else changes."""
    with folder.ledger_file.writing() as writer:
        found = writer.set_aside()
    lines = [f"{folder.path / LEDGER}:{number}: {reason}" for number, reason in found]
    said = f"set aside {len(found)} lines into {folder.path / DAMAGED}" if found else "every line is sound"
    data = {"set_aside": [{"line": number, "fault": reason} for number, reason in found], "file": str(Path(DAMAGED))}
    return Answer("\n".join(map(visible_name, [*lines, said])), data)
