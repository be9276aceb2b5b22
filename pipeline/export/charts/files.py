"""Write the charts of an analysis folder, all or none."""

from __future__ import annotations

import re
import warnings
import zlib
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

import matplotlib as mpl

from pipeline.export.charts.counts import draw_causes, draw_dimensions, draw_rates
from pipeline.export.charts.names import file_stems
from pipeline.export.charts.style import RC_PARAMS
from pipeline.export.charts.turns import draw_turns
from pipeline.export.own_files import input_folders, write_own
from pipeline.export.target import Target, refuse_unfit
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.analysis import Analysis
    from pipeline.export.charts.slide import Slide

_CHARTS: Final = {
    "failure_rates": draw_rates,
    "turns": draw_turns,
    "causes": draw_causes,
    "dimensions": draw_dimensions,
}
_DPI: Final = 160
_MOST_PIXELS: Final = 16_000
"""The largest width or height of an image: viewers refuse larger ones, and so does matplotlib beyond 65,535."""
_OUTSIDE: Final = re.compile(rb"<!DOCTYPE[^>]*>\s*|<metadata>.*?</metadata>\s*", re.DOTALL)
_SEAL_SIZE: Final = {"svg": 74, "png": 84}
_TAIL: Final = {"svg": 0, "png": 12}
"""The number of bytes after the digest: a PNG ends with the chunk IEND."""


def export_charts(analysis: Analysis, source: Path, folder: Path, form: str) -> Answer:
    """Write the charts of the analysis folder `source` into `folder`, a file per chart and benchmark.

    Returns the list of files as the command's answer. Raises `OutputError` for a folder that cannot be used, or
    that holds other files under these names.
    """
    refuse_unfit(Target(folder), input_folders(source), {(run.benchmark_name, run.run_id) for run in analysis.inputs})
    listed, contents = [], {}
    for benchmark, stem in file_stems(analysis.benchmarks).items():
        for name, draw in _CHARTS.items():
            path = folder / f"{stem}.{name}.{form}"
            contents[path] = sealed(_drawn(draw, analysis, benchmark, form), form)
            listed.append({"benchmark": benchmark, "chart": name, "path": str(path)})
    write_own(folder, contents, partial(is_ours, form=form), "chart")
    return Answer("\n".join(map(str, contents)), {"status": analysis.status, "format": form, "charts": listed})


def _drawn(draw: Callable[[Analysis, str], Slide], analysis: Analysis, benchmark: str, form: str) -> bytes:
    """Return a chart: the same bytes for the same analysis, whatever the user's settings of matplotlib are."""
    stream = BytesIO()
    with settings():
        slide = draw(analysis, benchmark)
        dpi = min(_DPI, _MOST_PIXELS / slide.figure.get_figheight())
        metadata = {"Title": slide.title} | ({"Software": None} if form == "png" else {})
        slide.figure.savefig(stream, format=form, dpi=dpi, metadata=metadata)
    return _OUTSIDE.sub(b"", stream.getvalue()) if form == "svg" else stream.getvalue()


@contextmanager
def settings() -> Iterator[None]:
    """Draw with our settings of matplotlib, and without warnings for letters that no font has: they become boxes."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(RC_PARAMS)
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def sealed(content: bytes, form: str) -> bytes:
    """Return a chart with a digest of its content, by which `is_ours` recognises it until it is edited."""
    digest = sha256(content).hexdigest().encode()
    chunk = b"tEXtComment\0" + digest  # https://www.w3.org/TR/png/#11tEXt
    png = (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    place = len(content) - _TAIL[form]
    return content[:place] + (png if form == "png" else b"<!-- %b -->\n" % digest) + content[place:]


def is_ours(content: bytes, form: str) -> bool:
    """Whether the content of a file is a chart that we wrote and that nobody has edited."""
    place = len(content) - _TAIL[form]
    return content == sealed(content[: max(place - _SEAL_SIZE[form], 0)] + content[place:], form)
