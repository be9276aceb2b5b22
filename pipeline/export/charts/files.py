"""Write the charts of an analysis folder, all or none; no file that we did not write is overwritten."""

from __future__ import annotations

import re
import warnings
import zlib
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

import matplotlib as mpl

from pipeline.errors import OutputError, Problem
from pipeline.export.charts.counts import draw_causes, draw_dimensions, draw_rates
from pipeline.export.charts.names import file_stems
from pipeline.export.charts.style import RC_PARAMS
from pipeline.export.charts.turns import draw_turns
from pipeline.export.guards import refusals, uninterrupted
from pipeline.export.sharing import share_like
from pipeline.export.target import Target, refuse_unfit
from pipeline.load.folder import read_local
from pipeline.load.moving import locked
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
    refuse_unfit(Target(folder), _inputs(source), {(run.benchmark_name, run.run_id) for run in analysis.inputs})
    listed, contents = [], {}
    for benchmark, stem in file_stems(analysis.benchmarks).items():
        for name, draw in _CHARTS.items():
            path = folder / f"{stem}.{name}.{form}"
            contents[path] = sealed(_drawn(draw, analysis, benchmark, form), form)
            listed.append({"benchmark": benchmark, "chart": name, "path": str(path)})
    with refusals(folder):
        _write(folder, contents, form)
    return Answer("\n".join(map(str, contents)), {"status": analysis.status, "format": form, "charts": listed})


def _inputs(source: Path) -> list[Path]:
    """Return the folders that were analysed: nothing is written into them."""
    local = read_local(source)
    return [*([] if local.comparison_dir is None else [local.comparison_dir]), *local.run_dirs.values()]


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


def _write(folder: Path, contents: dict[Path, bytes], form: str) -> None:
    """Write the files under temporary names, and rename them once all are complete."""
    parts = {path.with_name(f".{path.name}.part"): path for path in contents}
    with _made(folder), locked(folder):
        foreign = [path for path in contents if path.exists()]
        foreign = [path for path in foreign if not (path.is_file() and is_ours(path.read_bytes(), form))]
        if foreign:
            what, fix = "is no chart of ours, or was edited since", "move it away, or choose another --output"
            raise OutputError(*(Problem(str(path), what, fix) for path in foreign))
        try:
            for part, path in parts.items():
                part.write_bytes(contents[path])
                share_like(part, path)
            with uninterrupted():
                for part, path in parts.items():
                    part.replace(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Create a folder with its parents; those created are removed again if they stay empty."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for each in new:
            with suppress(OSError):  # it holds the charts
                each.rmdir()
