"""Let the command start and end fast: leave out what a short-lived process does not need."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, NoReturn


def prepare() -> None:
    """Look for garbage less often, let threads take turns more often, and mind closed streams.

    NumPy's small products of matrices take no time, but its other threads wait for them with a core each.

    Imports and rows make hundreds of thousands of objects and no garbage. The thread that labels and compresses
    comes back from Arrow many times a batch, and each time would wait 5 ms for the thread that decodes.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(200_000, 50, 100)
    sys.setswitchinterval(0.0001)
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed by the caller: the next file that is opened must not become our stdout
            os.open(os.devnull, os.O_RDWR)


def make_page_ready() -> None:
    """Start the process that renders the report's page, so that it is ready when the rows are read."""
    from pipeline.page import renderer  # noqa: PLC0415 - only a command that writes a page needs it

    renderer.make_ready()


def keep_pandas_out() -> None:
    """Let pyarrow find no pandas in this process: it imports it at its first array, to ask whether that is a Series.

    The command makes no DataFrames, and importing pandas takes longer than a small analysis. pyarrow asks once
    and remembers the answer. Should it ask otherwise one day, it imports pandas again, and nothing breaks. Nor
    does it find cloudpickle and the file systems of clouds, which it imports wherever they are there, or NumPy's
    masked arrays.
    """
    sys.meta_path.insert(0, _ABSENT)
    import pyarrow as pa  # noqa: PLC0415 - `--help` must not wait for it

    pa.array([])
    _ABSENT.names.discard("pandas")
    sys.modules["numpy"].ma = _NO_MASKS  # type: ignore[attr-defined]


class _Absent:
    """An importer that says of some modules that they are not there."""

    names: Final = {"pandas", "cloudpickle", "pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._hdfs", "pyarrow._s3fs"}

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse these; leave every other module to the other importers."""
        del path, target
        if name in self.names:
            raise ModuleNotFoundError(name=name)


_ABSENT: Final[Any] = _Absent()


class _NoMasks:
    """Stands for `numpy.ma`, which pyarrow would import to ask whether an array is masked: none is here.

    Whoever asks for anything else imports the real one, which then takes this one's place.
    """

    MaskedArray = type("MaskedArray", (), {})

    def __getattr__(self, name: str) -> object:
        return getattr(import_module("numpy.ma"), name)


_NO_MASKS: Final = _NoMasks()


def leave(code: int) -> NoReturn:
    """End the process at once: everything is written and closed, only taking down every object is left."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # full, closed, or not there
            stream.flush()
    os._exit(code)
