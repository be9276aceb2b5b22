"""Text for reports and terminals: untrusted text made visible, shortened, on one line; numbers with their nouns."""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 controls but newline and tab; the bidirectional controls, which reorder what follows; the
# invisible characters that split or hide words; line and paragraph separators, which break a table row.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Replace control and invisible characters by `\u{202E}` and the like; keep newline and tab, `\r\n` is `\n`."""
    if text.isprintable():  # contains none of these characters, and no line break
        return text
    return _HIDDEN.sub(lambda match: f"\\u{{{ord(match[0]):04X}}}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Make text visible and collapse its white space, so that it fits in a table cell or on a terminal line."""
    return " ".join(visible(text).split())


def shorten(text: str, limit: int) -> str:
    """Shorten text to at most `limit` characters, at a word boundary where one is near; an ellipsis marks the cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return f"{head[:space] if space > limit * 0.7 else head}…"


def words(noun: str, number: int) -> str:
    """Format a number with its noun: `1 run`, `3 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
