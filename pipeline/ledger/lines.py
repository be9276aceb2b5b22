"""What lines of JSON have in common, in a ledger as in judged files: blank ones, the byte-order mark, nesting."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM: Final = b"\xef\xbb\xbf"
"""The byte-order mark; line 1 alone may begin with it."""
BLANK: Final = (b"", b"\r")
"""Lines that hold nothing but their ending."""
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEP: Final = [{"[": 1, "{": 1, "]": -1, "}": -1}.get(chr(byte), 0) for byte in range(256)]


def lines_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that are not blank, each with its number, and line 1 without its byte-order mark."""
    for number, line in enumerate(data.removeprefix(BOM).split(b"\n"), 1):
        if line not in BLANK:
            yield number, line


def too_deep(text: bytes, levels: int) -> bool:
    """Whether JSON, valid or not, has arrays and objects nested more than `levels` deep; no recursion is used."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", text).translate(None, _OTHERS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > levels
