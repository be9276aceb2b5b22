"""The labelled rows: failed rows written for this project, each with the error mode that the codebook gives it.

One JSON object per line and case. `earlier` are the run's turns before the failed one, oldest first; they passed.
`python tests/labelled/cases.py FILE ...` checks files and counts what they hold.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pipeline.schema import ErrorMode  # noqa: TC001 - msgspec reads it when it runs

ROOT = Path(__file__).parent
PARTS = ("developed", "scored")

Trap = Literal["negation", "concession", "quotation", "praise", "symptoms", "dimension"]
Word = Annotated[str, msgspec.Meta(min_length=1)]


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """One tool call of a turn."""

    name: Word
    args: dict[str, Any]


class Result(msgspec.Struct, forbid_unknown_fields=True):
    """What a tool returned."""

    name: Word
    response: Any


class Turn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One exchange."""

    user_text: str
    assistant_text: str | None
    """`None` where the response was not stored."""
    tool_calls: list[Call] = []
    tool_results: list[Result] = []


class Case(Turn, forbid_unknown_fields=True, kw_only=True):
    """One failed row with what came before it, its label, and the reason of the label in one sentence."""

    id: Word
    domain: Word
    voice: Word
    shape: Word = "turn verdict"
    """The kind of text: who writes, for what, in which form."""
    trap: Trap | None = None
    earlier: list[Turn] = []
    scores: dict[str, bool | None]
    judge_reasoning: Word
    mode: ErrorMode
    why: Word


def read_cases(path: Path) -> list[Case]:
    """Read one file of cases; a fault raises ValueError with `file:line`."""
    cases = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            case = msgspec.json.decode(line, type=Case)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        if False not in case.scores.values():
            raise ValueError(f"{path}:{number}: no score is false, so the row did not fail")
        cases.append(case)
    return cases


def read_part(part: str) -> list[Case]:
    """Read every case of a part, in the order of file names and lines; ids must be unique."""
    cases = [case for path in sorted((ROOT / part).glob("*.jsonl")) for case in read_cases(path)]
    twice = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if twice:
        raise ValueError(f"{part}: more than one case has the id {', '.join(twice)}")
    return cases


def _print_counts(cases: list[Case]) -> None:
    print(f"{len(cases)} cases")
    for field in ("mode", "domain", "voice", "trap"):
        counts = Counter(getattr(case, field) for case in cases).most_common()
        print(f"  {field}: " + ", ".join(f"{name} {count}" for name, count in counts))


if __name__ == "__main__":
    _print_counts([case for name in sys.argv[1:] for case in read_cases(Path(name))])
