"""Find out why conversational models fail a judged benchmark: exact counts, error modes, a review packet."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers read it; a command handles signals before it imports more, even `typing`
if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.workflow import analyze

__all__ = ["Analysis", "analyze"]


def __getattr__(name: str) -> object:
    # Importing the package must not import pandas: `error-analysis --help` answers at once.
    match name:
        case "analyze":
            from pipeline.workflow import analyze

            return analyze
        case "Analysis":
            from pipeline.analysis import Analysis

            return Analysis
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
