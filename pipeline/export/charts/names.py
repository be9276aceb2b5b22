"""Turn names from the data into chart labels and file names."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pipeline.report.text import name_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL_LENGTH: Final = 30
_FILE_LENGTH: Final = 60
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NO_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")  # https://www.w3.org/TR/xml/#charsets


def short(text: str, limit: int = _LABEL_LENGTH) -> str:
    """Return a text as one safe line of at most `limit` characters, cut in the middle: endings differ."""
    line = _NO_XML.sub("\ufffd", name_line(text)) or "(no name)"
    tail = limit * 2 // 5
    return line if len(line) <= limit else f"{line[: limit - tail - 1]}…{line[-tail:]}"


def labels(names: Iterable[str]) -> dict[str, str]:
    """Return the label of each name; names that are equal once shortened get a number."""
    made = {name: short(name) for name in names}
    often, seen = Counter(made.values()), Counter[str]()
    for name, label in made.items():
        if often[label] > 1:
            seen[label] += 1
            made[name] = f"{label} ({seen[label]})"
    return made


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return the file stem of each name, valid on every system; one that differs from its name ends in a digest."""
    plain = {name: _UNFIT.sub("_", name).strip("._-")[:_FILE_LENGTH] for name in names}
    often = Counter(stem.lower() for stem in plain.values())
    return {
        name: stem if stem == name and often[stem.lower()] == 1 else f"{stem or 'benchmark'}-{_digest(name)}"
        for name, stem in plain.items()
    }


def _digest(name: str) -> str:
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
