"""Write the charts of an analysis folder: whole files, and over nothing that is not ours."""

from __future__ import annotations

import json
import re
import warnings
import zlib
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl

from pipeline import schema as c
from pipeline.errors import InputError, OutputError, Problem
from pipeline.export.charts.counts import draw_causes, draw_dimensions, draw_rates
from pipeline.export.charts.look import STYLE
from pipeline.export.charts.names import file_stems
from pipeline.export.charts.turns import draw_turns
from pipeline.export.guards import locked, refusals, uninterrupted
from pipeline.export.target import Target, refuse_unfit
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.analysis import Analysis
    from pipeline.export.charts.sheet import Sheet

_CHARTS: Final = {
    "failure_rates": draw_rates,
    "turns": draw_turns,
    "causes": draw_causes,
    "dimensions": draw_dimensions,
}
_DPI: Final = 160
_MOST_PIXELS: Final = 16_000
"""How long a side of a picture may be: viewers refuse larger ones, and so does matplotlib past 65,535."""
_OUTSIDE: Final = re.compile(rb"<!DOCTYPE[^>]*>\s*|<metadata>.*?</metadata>\s*", re.DOTALL)
_SEAL_SIZE: Final = {"svg": 74, "png": 84}
_TAIL: Final = {"svg": 0, "png": 12}
"""How many bytes come behind the seal: a PNG ends with the chunk IEND."""


def export_charts(analysis: Analysis, source: Path, folder: Path, form: str) -> Answer:
    """Write the charts of an analysis folder, `source`, into another, a file per chart and benchmark.

    Raises `OutputError` for a folder that is not fit, or a file there that is no chart of ours.
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
    """List the folders that were analysed: nothing is written into them."""
    try:
        local = json.loads((source / c.LOCAL_JSON).read_bytes())
        return [Path(path) for path in (local["comparison_dir"], *local["run_dirs"].values()) if path is not None]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        fix = "analyse again: error-analysis analyze --output"
        raise InputError(Problem(str(source / c.LOCAL_JSON), f"cannot be read back: {error}", fix)) from None


def _drawn(draw: Callable[[Analysis, str], Sheet], analysis: Analysis, benchmark: str, form: str) -> bytes:
    """Draw a chart: the same bytes for the same analysis, whatever the user's own settings of matplotlib are."""
    stream = BytesIO()
    with settings():
        sheet = draw(analysis, benchmark)
        dpi = min(_DPI, _MOST_PIXELS / sheet.figure.get_figheight())
        metadata = {"Title": sheet.title} | ({"Software": None} if form == "png" else {})
        sheet.figure.savefig(stream, format=form, dpi=dpi, metadata=metadata)
    return _OUTSIDE.sub(b"", stream.getvalue()) if form == "svg" else stream.getvalue()


@contextmanager
def settings() -> Iterator[None]:
    """Draw with settings of our own, and without a warning for a letter that no font has: it becomes a box."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def sealed(content: bytes, form: str) -> bytes:
    """Put a digest into a chart, by which it is known for ours as long as nobody edits it."""
    digest = sha256(content).hexdigest().encode()
    chunk = b"tEXtComment\0" + digest  # https://www.w3.org/TR/png/#11tEXt
    png = (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    place = len(content) - _TAIL[form]
    return content[:place] + (png if form == "png" else b"<!-- %b -->\n" % digest) + content[place:]


def is_ours(content: bytes, form: str) -> bool:
    """Tell whether a file is a chart of ours that nobody has edited."""
    place = len(content) - _TAIL[form]
    return content == sealed(content[: max(place - _SEAL_SIZE[form], 0)] + content[place:], form)


def _write(folder: Path, contents: dict[Path, bytes], form: str) -> None:
    """Write the files beside their places, and move them in once all are whole."""
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
            with uninterrupted():
                for part, path in parts.items():
                    part.replace(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder; what was made, and its parents, goes away again if nothing came to lie in it."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for each in new:
            with suppress(OSError):  # it holds the charts
                each.rmdir()
