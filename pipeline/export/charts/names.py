"""Names that came with the data, made fit for a chart and for a file."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pipeline.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL_LENGTH: Final = 30
_FILE_LENGTH: Final = 60
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NO_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")  # https://www.w3.org/TR/xml/#charsets


def short(text: str, limit: int = _LABEL_LENGTH) -> str:
    """Put a text on one safe line of at most `limit` characters; what is cut is its middle: endings tell apart."""
    line = _NO_XML.sub("\ufffd", one_line(text)) or "(no name)"
    tail = limit * 2 // 5
    return line if len(line) <= limit else f"{line[: limit - tail - 1]}…{line[-tail:]}"


def labels(names: Iterable[str]) -> dict[str, str]:
    """Give each name its label; names that look the same once they are shortened get a number behind."""
    made = {name: short(name) for name in names}
    often, seen = Counter(made.values()), Counter[str]()
    for name, label in made.items():
        if often[label] > 1:
            seen[label] += 1
            made[name] = f"{label} ({seen[label]})"
    return made


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Give each name a file name that every system takes; one that had to change carries a digest of the name."""
    plain = {name: _UNFIT.sub("_", name).strip("._-")[:_FILE_LENGTH] for name in names}
    often = Counter(stem.lower() for stem in plain.values())
    return {
        name: stem if stem == name and often[stem.lower()] == 1 else f"{stem or 'benchmark'}-{_digest(name)}"
        for name, stem in plain.items()
    }


def _digest(name: str) -> str:
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
