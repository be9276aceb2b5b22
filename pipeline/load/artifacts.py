"""Read what lies beside a judged file: the transcript, the judge's summary, and the facts of the runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import InputError, Problem
from pipeline.ledger.lines import lines_of, too_deep
from pipeline.load.files import read_bytes
from pipeline.load.repair import MAX_DEPTH, clean, integer

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
    duplicates: tuple[int, ...] = ()
    """Turns with more than one row; of these the last counts."""
    recoveries: tuple[int, ...] = ()
    """Turns with a row that the harness wrote to recover from a failure; such rows were not judged."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files beside one judged file; `None` for one that is not there."""

    transcript: Transcript | None = None
    summary: Mapping[str, Any] | None = None
    runtime: Mapping[str, Any] | None = None
    problems: tuple[tuple[str, str], ...] = ()
    """(file name, what is wrong) for files that are there and cannot be used."""


def transcript_file(run: Run) -> Path:
    """Return where a run's transcript would be."""
    return run.directory / "transcript.jsonl"


def summary_file(run: Run) -> Path:
    """Return where the judge's summary would be."""
    return run.directory / f"{run.judge}_summary.json"


def runtime_file(run: Run) -> Path:
    """Return where the harness's facts about a run would be."""
    return run.directory / "runtime.json"


def read_artifacts(run: Run) -> Artifacts:
    """Read the transcript, the summary and the runtime facts of a run, as far as they are there and can be read."""
    problems: list[tuple[str, str]] = []
    transcript = None
    try:
        if transcript_file(run).exists():
            transcript = _transcript(read_bytes(transcript_file(run)))
    except (InputError, OSError) as error:
        problems.append((transcript_file(run).name, _reason(error)))
    summary, runtime = (_object(file, problems) for file in (summary_file(run), runtime_file(run)))
    return Artifacts(transcript, summary, runtime, tuple(problems))


def _object(file: Path, problems: list[tuple[str, str]]) -> Mapping[str, Any] | None:
    """Read a JSON object, if it is there; `problems` receives why it cannot be read."""
    try:
        if not file.exists():
            return None
        value = _decoded(read_bytes(file))
    except (InputError, OSError, ValueError) as error:
        problems.append((file.name, _reason(error)))
        return None
    if isinstance(value, dict):
        return value
    problems.append((file.name, "no JSON object"))
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, InputError):
        return "; ".join(problem.what for problem in error.problems)
    return str(error)


def _decoded(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    if too_deep(text, MAX_DEPTH):
        raise InputError(Problem("", f"nested more than {MAX_DEPTH} levels deep"))
    return clean(json.loads(text.decode("utf-8-sig"), parse_int=integer), "", [])


def _transcript(text: bytes) -> Transcript:
    said: dict[int, tuple[str, str]] = {}
    unreadable: list[int] = []
    duplicates: dict[int, None] = {}
    recoveries: dict[int, None] = {}
    for number, line in lines_of(text):
        row = _said(line)
        if row is None:
            unreadable.append(number)
        elif row.recovery_turn:
            recoveries[row.turn] = None
        else:
            if row.turn in said:
                duplicates[row.turn] = None
            said[row.turn] = row.user_text or "", row.assistant_text or ""
    return Transcript(said, tuple(unreadable), tuple(duplicates), tuple(recoveries))


class _Said(msgspec.Struct, gc=False):
    turn: int
    user_text: str | None = None
    assistant_text: str | None = None
    recovery_turn: bool | None = None


_decode_said: Final = msgspec.json.Decoder(_Said).decode


def _said(line: bytes) -> _Said | None:
    """Decode one line of a transcript; `None` for one that cannot be read."""
    if too_deep(line, MAX_DEPTH):
        return None
    try:
        return _decode_said(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            value = clean(json.loads(line.decode()), "", [])
            value["recovery_turn"] = bool(value.get("recovery_turn"))
            return msgspec.convert({key: value[key] for key in value.keys() & set(_Said.__struct_fields__)}, _Said)
        except (ValueError, TypeError, AttributeError, msgspec.ValidationError):
            return None
