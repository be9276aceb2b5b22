"""The errors that a user can cause, each with where it is, what it is, and the nearest fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

ExitCode = Literal[2, 4]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the place (`file:line` where there is one), the fault, the nearest fix."""

    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f" ({self.fix})" if self.fix else "")


class PipelineError(Exception):
    """Everything that stops an analysis and is not a defect of ours; it carries all problems at once."""

    exit_code: ClassVar[ExitCode] = 2

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class UsageError(PipelineError):
    """The call itself does not make sense."""


class InputError(PipelineError):
    """The input is missing, unreadable, or breaks its format."""


class RulesError(PipelineError):
    """A rules file is faulty."""


class GateError(PipelineError):
    """The gate is not met, or a report does not verify."""

    exit_code = 4


class OutputError(PipelineError):
    """The output cannot be written, or must not be written there."""
