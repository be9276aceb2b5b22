"""Ctrl-C and termination: one exception, raised where Python can end in order, and one exit code."""

from __future__ import annotations

import signal
import sys

TYPE_CHECKING = False  # as in `pipeline/__init__.py`
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130
"""The exit code."""
_PAUSE = 0.02
"""Seconds after which an interruption that could not be raised is tried again."""
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or termination.

    A plain `KeyboardInterrupt` that passes through `exec` of a text (of `dataclass`, `namedtuple`) is remembered by
    Python even if it is caught: the process would then die of SIGINT whatever its exit code.
    """


class _Interruption:
    """The handlers of SIGINT and SIGTERM, and whether one of them was called.

    Inside an import nothing is raised: extension modules turn an exception into another or drop it, and leave
    themselves half imported. The signal is sent again until the import is done, likewise when Python could only
    report the exception, as in a finaliser. While an interruption is being handled another one changes nothing.
    """

    def __init__(self) -> None:
        self.number = 0

    def watch(self) -> None:
        """Take over the signals; SIGINT only if it is not ignored on request."""
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGALRM, self._send_again)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._receive)
        sys.unraisablehook = self._report

    def ignore(self) -> None:
        """Ignore the signals from now on: while Python shuts down they would kill what has ended in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if _is_handled():
            return
        if _is_importing(frame):
            signal.setitimer(signal.ITIMER_REAL, _PAUSE)
            return
        raise Interrupted

    def _send_again(self, _number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(self.number or signal.SIGTERM)  # to the handler of the moment, which may not be ours

    def _report(self, lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, _PAUSE)
        else:
            sys.__unraisablehook__(lost)


def watched(command: Callable[[], int], *, as_json: bool) -> int:
    """Run a command and return its exit code; an interruption at any moment ends it, is told, and has its own code."""
    interruption = _Interruption()
    try:
        interruption.watch()
        code = command()
    except BaseException:  # whatever an interruption has become on its way
        if not interruption.number:
            raise
    finally:
        interruption.ignore()
    if not interruption.number:
        return code
    from pipeline.cli.printing import print_problems
    from pipeline.errors import Problem

    print_problems([Problem("", "interrupted")], INTERRUPTED, as_json=as_json)
    return INTERRUPTED


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not watched.__code__:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False


def _is_handled() -> bool:
    error = sys.exception()
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None
