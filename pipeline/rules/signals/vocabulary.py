"""The content words of texts, as numbers: those of the judges' reasoning, and where other texts contain them.

Words are compared without regard to case. Stop words and the lexicon's words, which judges use of any row, are left
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.lexicon import builtin_lexicon, is_identifier

_STOP_WORDS: Final = frozenset(
    "the a an of to in on at for and or but is was were are be been it its this that these those he she they you "
    "i we his her their your my our with from by as not no yes so do did does have has had will would can could "
    "should there here what which who when where how why all any some one two if then than also just only out up "
    "off down over after before into about again very more most other same own t s re ve ll d m please thanks "
    "thank okay ok hi hello assistant agent user caller customer bot model response turn call tool function "
    "expected name args true false null don didn doesn isn wasn".split()
)


@dataclass(frozen=True, slots=True)
class ContentWords:
    """The content words of several texts; the arrays have one entry per word."""

    text: np.ndarray
    """The index of its text."""
    word: np.ndarray
    """The index in `spellings`."""
    is_name: np.ndarray
    """Whether it is written as an identifier."""
    spellings: list[str]
    """Each distinct word in lower case."""


def content_words(texts: pa.Array) -> ContentWords:
    """Return the content words of texts (large strings, no nulls)."""
    parts = pc.ascii_split_whitespace(_without_punctuation(texts, _SPACED))
    encoded = pc.list_flatten(parts).dictionary_encode()
    numbers: dict[str, int] = {}
    words = [_content_word(written) for written in encoded.dictionary.to_pylist()]
    number = np.array([numbers.setdefault(lower, len(numbers)) if lower else -1 for lower, _ in words], dtype=np.int64)
    is_name = np.array([named for _, named in words], dtype=bool)
    ids = np.asarray(encoded.indices)
    kept = number[ids] >= 0
    ids, text = ids[kept], np.asarray(pc.list_parent_indices(parts)).astype(np.int64)[kept]
    return ContentWords(text, number[ids], is_name[ids], list(numbers))


@lru_cache(maxsize=1 << 17)
def _content_word(written: str) -> tuple[str, bool]:
    """Return a word in lower case, empty if it is no content word, and whether it is written as an identifier."""
    lower = written.lower()
    if lower in _STOP_WORDS or lower in builtin_lexicon():
        return "", False
    return lower, is_identifier(written)


def find_words(texts: pa.Array, spellings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Find the words of `spellings` in texts; return the text and the word's index per occurrence."""
    parts = pc.ascii_split_whitespace(_without_punctuation(texts, _LOWERED))
    word = pc.index_in(pc.list_flatten(parts), spellings)
    found = np.asarray(pc.is_valid(word))
    text = np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
    return text[found], np.asarray(word.drop_null()).astype(np.int64)


_SPACED: Final = np.array(
    [byte if byte >= 0x80 or chr(byte).isalnum() or chr(byte) in "_-" else 0x20 for byte in range(256)],  # noqa: PLR2004
    dtype=np.uint8,
)
"""The replacement of each byte: a space for ASCII punctuation."""
_LOWERED: Final = np.array([ord(chr(byte).lower()) if byte < 0x80 else byte for byte in _SPACED], dtype=np.uint8)  # noqa: PLR2004


def _without_punctuation(texts: pa.Array, table: np.ndarray) -> pa.Array:
    """Replace every byte of the texts by its entry in `table`."""
    texts = pa.concat_arrays([texts.cast(pa.large_string())])  # a slice then has offsets from 0
    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    return pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(table[np.frombuffer(data, np.uint8)]))
