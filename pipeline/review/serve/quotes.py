"""Map a selection on the page to the row's text: the page indents JSON and writes hidden characters out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c
from pipeline.ledger.evidence import quote_stands

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRITTEN_OUT: Final = re.compile(r"\\u([0-9a-f]{4})|\\U(00(?:0[0-9a-f]|10)[0-9a-f]{4})")
_SIGNS: Final = re.compile(r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\u[0-9a-fA-F]{4}|\S")
"""One character of a JSON text that is not white space; an escape sequence is one character."""


def fitting_quote(quote: str, texts: Mapping[str, Any]) -> str:
    """Return the piece of a row's texts that a quote was selected from; the quote itself if there is none."""
    if quote_stands(quote, texts):
        return quote
    plain = _WRITTEN_OUT.sub(lambda match: chr(int(match[1] or match[2], 16)), quote)
    wanted = "".join(plain.split())
    for name in c.TEXTS:
        text = str(texts[name])
        signs = list(_SIGNS.finditer(text))
        read = [_read(sign[0]) for sign in signs]
        start = "".join(read).find(wanted) if wanted and all(len(sign) == 1 for sign in read) else -1
        if start >= 0:
            return text[signs[start].start() : signs[start + len(wanted) - 1].end()]
    return quote


def _read(sign: str) -> str:
    """Return one character of a JSON text with its escape sequence resolved."""
    if len(sign) == 1:
        return sign
    return bytes.fromhex(sign.replace("\\u", "")).decode("utf-16-be", errors="replace")
