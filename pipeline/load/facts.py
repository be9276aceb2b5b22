"""What the harness says about a run: its mode, what it lost or excluded, and what it did not measure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError
from pipeline.load.files import is_file, read_bytes
from pipeline.load.repair import MAX_TURN, clean, integer
from pipeline.schema import INDEPENDENT_MODES, LOST_TURNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.load.artifacts import Artifacts, Transcript
    from pipeline.load.records import Options, Run
    from pipeline.schema import LossKind

_FINE: Final = ("ok", "success", "succeeded", "complete", "completed", "done", "finished", "passed", "valid")
METADATA: Final = "metadata.json"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the harness lost, excluded or changed; `turn` is `None` where it concerns the whole run."""

    kind: LossKind
    turn: int | None = None
    said: str = ""
    """What the harness says about it."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What stands beside a judged file, as facts."""

    mode: str = ""
    losses: tuple[Loss, ...] = ()
    measures_turn_taking: bool = True
    judge_model: str = ""
    judge_version: str = ""

    @property
    def independent(self) -> bool:
        """Whether each turn stands alone."""
        return self.mode in INDEPENDENT_MODES

    @property
    def lost_turns(self) -> dict[int, LossKind]:
        """The turns that do not count, with the first reason of each."""
        lost: dict[int, LossKind] = {}
        for loss in self.losses:
            if loss.kind in LOST_TURNS and loss.turn is not None:
                lost.setdefault(loss.turn, loss.kind)
        return lost


def read_metadata(comparison_dir: Path) -> Mapping[str, Any]:
    """Read `metadata.json` of a comparison folder; empty where there is none, or none that can be read."""
    if not is_file(comparison_dir / METADATA):
        return {}
    try:
        value = clean(json.loads(read_bytes(comparison_dir / METADATA).decode("utf-8-sig"), parse_int=integer), "", [])
    except (InputError, OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def facts_of(run: Run, artifacts: Artifacts, metadata: Mapping[str, Any], options: Options) -> RunFacts:
    """Return what the files beside a run say about it, the run's own before those of its comparison folder."""
    runtime, summary = artifacts.runtime or {}, artifacts.summary or {}
    mode = _text(runtime.get("mode")) or run.mode or ("rehydrated" if metadata.get("rehydrate") is True else "")
    if options.turns == "independent" and mode not in INDEPENDENT_MODES:
        mode = "independent"
    measured = _measures_turn_taking(summary, runtime, metadata)
    losses = [
        *_turns_lost("failed_turn", runtime.get("failed_turns")),
        *_turns_lost("runtime_excluded", summary.get("runtime_excluded_turns")),
        *_turns_lost("runtime_excluded", runtime.get("runtime_excluded_turns")),
        *_of_run(runtime),
        *([Loss("realigned")] if summary.get("realignment_applied") is True else []),
        *(_of_transcript(artifacts.transcript) if artifacts.transcript else []),
    ]
    listed = run.cells if run.cells.get("judge_name", run.judge) in ("", run.judge) else {}
    model, version = (_text(summary.get(name)) or listed.get(name, "") for name in ("judge_model", "judge_version"))
    return RunFacts(mode, tuple(dict.fromkeys(losses)), measured, model, version)


def turn_numbers(value: object) -> list[int]:
    """Return the turns that a list names, in order: numbers, numbers as text, or objects with `turn`."""
    found = []
    for item in value if isinstance(value, list) else []:
        number = item.get("turn") if isinstance(item, dict) else item
        if isinstance(number, str) and number.strip().isdecimal():
            number = int(number) if len(number) < 20 else MAX_TURN + 1  # noqa: PLR2004 - longer than any turn
        if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= MAX_TURN:
            found.append(int(number))
    return sorted(set(found))


def _turns_lost(kind: LossKind, value: object) -> list[Loss]:
    return [Loss(kind, turn) for turn in turn_numbers(value)]


def _of_run(runtime: Mapping[str, Any]) -> list[Loss]:
    losses = []
    status, failure = _text(runtime.get("status")), runtime.get("failure")
    said = "" if failure in (None, False, "", {}, []) else failure if isinstance(failure, str) else json.dumps(failure)
    if runtime.get("valid") is False:
        losses.append(Loss("not_valid", said=said))
    if status and status.lower() not in _FINE:
        losses.append(Loss("status", said=f"{status}: {said}" if said else status))
    elif said and not losses:
        losses.append(Loss("status", said=said))
    return losses


def _of_transcript(transcript: Transcript) -> list[Loss]:
    recoveries = [Loss("recovery_row", turn) for turn in transcript.recoveries]
    return [*recoveries, *(Loss("duplicate", turn) for turn in transcript.duplicates)]


def _measures_turn_taking(*sources: Mapping[str, Any]) -> bool:
    """Return whether turn-taking was measured, by the first source that says so."""
    for source in sources:
        if source.get("skip_turn_taking") is True or source.get("turn_taking_supported") is False:
            return False
        if source.get("turn_taking_supported") is True or source.get("skip_turn_taking") is False:
            return True
    return True


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
