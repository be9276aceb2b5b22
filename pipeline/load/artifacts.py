"""Read what lies beside a judged file, for the checks only: the transcript and the judge's summary."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import InputError, Problem
from pipeline.load.files import read_bytes
from pipeline.load.judged import BLANK, BOM
from pipeline.load.nesting import MAX_DEPTH, too_deep
from pipeline.load.repair import clean, integer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.load.records import Run


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said at each turn, and the lines that could not be read."""

    said: Mapping[int, tuple[str, str]]
    """Turn -> (user text, assistant text)."""
    unreadable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files beside one judged file; `None` for one that is not there."""

    transcript: Transcript | None = None
    summary: Mapping[str, Any] | None = None
    problems: tuple[tuple[str, str], ...] = ()
    """(file name, what is wrong) for files that are there and cannot be used."""


def transcript_file(run: Run) -> Path:
    """Return where a run's transcript would be."""
    return run.directory / "transcript.jsonl"


def summary_file(run: Run) -> Path:
    """Return where the judge's summary would be."""
    return run.directory / f"{run.judge}_summary.json"


def read_artifacts(run: Run) -> Artifacts:
    """Read the transcript and the summary of a run, as far as they are there and can be read."""
    problems: list[tuple[str, str]] = []
    transcript = summary = None
    try:
        if transcript_file(run).exists():
            transcript = _transcript(read_bytes(transcript_file(run)))
    except (InputError, OSError) as error:
        problems.append((transcript_file(run).name, _reason(error)))
    try:
        if summary_file(run).exists():
            summary = _summary(read_bytes(summary_file(run)))
            if not isinstance(summary, dict):
                problems.append((summary_file(run).name, "no JSON object"))
                summary = None
    except (InputError, OSError, ValueError) as error:
        problems.append((summary_file(run).name, _reason(error)))
    return Artifacts(transcript, summary, tuple(problems))


def _reason(error: Exception) -> str:
    if isinstance(error, InputError):
        return "; ".join(problem.what for problem in error.problems)
    return str(error)


def _summary(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    if too_deep(text):
        raise InputError(Problem("", f"nested more than {MAX_DEPTH} levels deep"))
    return clean(json.loads(text.decode("utf-8-sig"), parse_int=integer), "", [])


def _transcript(text: bytes) -> Transcript:
    said: dict[int, tuple[str, str]] = {}
    unreadable: list[int] = []
    for number, line in enumerate(text.removeprefix(BOM).split(b"\n"), 1):
        if line in BLANK:
            continue
        decoded = _said(line)
        if decoded is None:
            unreadable.append(number)
        else:
            said[decoded[0]] = decoded[1:]
    return Transcript(said, tuple(unreadable))


class _Said(msgspec.Struct, gc=False):
    turn: int
    user_text: str | None = None
    assistant_text: str | None = None


_decode_said: Final = msgspec.json.Decoder(_Said).decode


def _said(line: bytes) -> tuple[int, str, str] | None:
    """Decode one line of a transcript: turn, user text, assistant text; `None` for one that cannot be read."""
    if too_deep(line):
        return None
    try:
        said = _decode_said(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            value = clean(json.loads(line.decode()), "", [])
            said = msgspec.convert({key: value[key] for key in value.keys() & set(_Said.__struct_fields__)}, _Said)
        except (ValueError, TypeError, AttributeError, msgspec.ValidationError):
            return None
    return said.turn, said.user_text or "", said.assistant_text or ""
