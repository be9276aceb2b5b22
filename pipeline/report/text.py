"""Text for reports and terminals: untrusted text made visible, shortened, on one line; numbers with their nouns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# C0 and C1 controls but newline and tab; the bidirectional controls, which reorder what follows; the
# invisible characters that split or hide words; line and paragraph separators, which break a table row.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_CHARACTERS: Final = (
    "\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_HIDDEN: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_CHARACTERS}]")
_HIDDEN_IN_NAMES: Final = re.compile(f"[\x00-\x1f{_CHARACTERS}]")
_HIDDEN_IN_JSON: Final = re.compile(f"[{_CHARACTERS}]")  # JSON itself escapes those below U+0020
_DELETE: Final = "\\u007f"  # json.dumps leaves it as it is
_BASIC_PLANE: Final = 0xFFFF
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    r"""Replace control and invisible characters by `\u202e` and the like; keep newline and tab, `\r\n` is `\n`."""
    if text.isprintable():  # contains none of these characters, and no line break
        return text
    return _HIDDEN.sub(_written_out, text.replace("\r\n", "\n"))


def visible_name(name: str) -> str:
    r"""Make a name or an id visible as `visible` does, line breaks and tabs too: `\n`."""
    return name if name.isprintable() else _HIDDEN_IN_NAMES.sub(_written_out, name)


def escaped_json(text: str) -> str:
    r"""Escape in JSON the characters that `visible` replaces as `\u202e`: the values stay what they are."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _HIDDEN_IN_JSON.sub(lambda match: _DELETE if match[0] == "\x7f" else json.dumps(match[0])[1:-1], text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\u{code:04x}" if code <= _BASIC_PLANE else f"\\U{code:08x}")


def one_line(text: str) -> str:
    """Make text visible and collapse its white space, so that it fits in a table cell or on a terminal line."""
    return " ".join(visible(text).split())


def name_line(text: str) -> str:
    """Make a line in which names stand visible and collapse its spaces: a line break in a name is written out."""
    return " ".join(visible_name(text).split())


def shorten(text: str, limit: int) -> str:
    """Shorten text to at most `limit` characters, at a word boundary where one is near; an ellipsis marks the cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return f"{head[:space] if space > limit * 0.7 else head}…"


def some(names: Sequence[str], most: int = 20) -> str:
    """Return names separated by commas, the first ones where they are many: `a, b and 7 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def words(noun: str, number: int) -> str:
    """Format a number with its noun: `1 run`, `3 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
