"""The telling words of texts, numbered: those of a judge's reasoning, and where other texts hold them.

Words are compared without case. Those that judges use of any row (the lexicon's and the commonest of English) do
not tell.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.lexicon import builtin_lexicon, is_identifier

_COMMON: Final = frozenset(
    "the a an of to in on at for and or but is was were are be been it its this that these those he she they you "
    "i we his her their your my our with from by as not no yes so do did does have has had will would can could "
    "should there here what which who when where how why all any some one two if then than also just only out up "
    "off down over after before into about again very more most other same own t s re ve ll d m please thanks "
    "thank okay ok hi hello assistant agent user caller customer bot model response turn call tool function "
    "expected name args true false null don didn doesn isn wasn".split()
)


class Telling(NamedTuple):
    """The telling words of some reasonings; arrays have one entry per word."""

    text: np.ndarray
    word: np.ndarray
    """The word's number."""
    is_name: np.ndarray
    """Whether it is written as names in programs are."""
    spellings: list[str]
    """Each distinct word in lower case; its place is its number."""


def words_of_reasoning(texts: pa.Array) -> Telling:
    """Part reasonings into telling words."""
    parts = pc.ascii_split_whitespace(_spaced(texts, _SPACED))
    coded = pc.list_flatten(parts).dictionary_encode()
    numbers: dict[str, int] = {}
    written = [_telling(word) for word in coded.dictionary.to_pylist()]
    number = np.array(
        [numbers.setdefault(lower, len(numbers)) if lower else -1 for lower, _ in written], dtype=np.int64
    )
    is_name = np.array([named for _, named in written], dtype=bool)
    ids = np.asarray(coded.indices)
    ids, text = ids[number[ids] >= 0], np.asarray(pc.list_parent_indices(parts)).astype(np.int64)[number[ids] >= 0]
    return Telling(text, number[ids], is_name[ids], list(numbers))


@lru_cache(maxsize=1 << 17)
def _telling(written: str) -> tuple[str, bool]:
    """Give a word in lower case, empty if it tells nothing, and whether it is written as a name in a program."""
    lower = written.lower()
    if lower in _COMMON or builtin_lexicon().knows(lower):
        return "", False
    return lower, is_identifier(written)


def known_words(texts: pa.Array, spellings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Find the known words in texts: per word found its text and number."""
    parts = pc.ascii_split_whitespace(_spaced(texts, _LOWERED))
    word = pc.index_in(pc.list_flatten(parts), spellings)
    found = np.asarray(pc.is_valid(word))
    text = np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
    return text[found], np.asarray(word.drop_null()).astype(np.int64)


_SPACED: Final = np.array(
    [byte if byte >= 0x80 or chr(byte).isalnum() or chr(byte) in "_-" else 0x20 for byte in range(256)],  # noqa: PLR2004
    dtype=np.uint8,
)
"""Per byte what stands for it: a space for ASCII punctuation."""
_LOWERED: Final = np.array([ord(chr(byte).lower()) if byte < 0x80 else byte for byte in _SPACED], dtype=np.uint8)  # noqa: PLR2004


def _spaced(texts: pa.Array, table: np.ndarray) -> pa.Array:
    """Replace every byte of the texts by what the table has for it."""
    texts = pa.concat_arrays([texts.cast(pa.large_string())])  # offsets from 0, whatever it was cut from
    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    return pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(table[np.frombuffer(data, np.uint8)]))
