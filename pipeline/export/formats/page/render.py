"""Render the page: no network, no script or style but its own, every text escaped."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from pipeline.export.formats.page.templates import SIGNS, script, style, template

if TYPE_CHECKING:
    from pipeline.export.formats.page.model import Page

_STYLE: Final = "<!--style-->"
_SCRIPT: Final = "<!--script-->"
# Placeholders, replaced after rendering: no text can contain them, since every `<` of a text is escaped.
DATA: Final = b"<!--data-->"
DESCRIPTION: Final = b"<!--said-->"


def render(page: Page) -> bytes:
    """Return a page as bytes, with `DATA` and `DESCRIPTION` where the embedded rows and their description go."""
    text = template().render(page=page, policy=_policy(), signs=SIGNS)
    return text.replace(_STYLE, style(), 1).replace(_SCRIPT, script(), 1).encode()


def _policy() -> str:
    """Return the content security policy: nothing is allowed but this one script and this one style.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    script_hash, style_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script(), style())
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )
