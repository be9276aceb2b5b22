r"""Names as they are typed with escapes such as `\u00fc`, and the known names that they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_ESCAPE: Final = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|\\([nrt])"
)
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t"}
_LAST: Final = 0x10FFFF


def unescaped(text: str) -> str:
    r"""Return a name with `\u202e`, `\u{202E}`, `\U0001f600`, `\x1b`, `\n` and the like replaced by what they mean."""
    plain = _ESCAPE.sub(_character, text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(match: re.Match[str]) -> str:
    *numbers, letter = match.groups()
    if letter:
        return _LETTERS[letter]
    number = int(next(filter(None, numbers)), 16)
    return chr(number) if number <= _LAST else match[0]


def meant(written: str, known: Collection[str]) -> str:
    """Return the known name that a written one means, as it is or with its escapes resolved; else the written one."""
    plain = written if written in known else unescaped(written)
    return plain if plain in known else written
