"""The text model: a linear model over the words, word pairs and letter groups of a judge's reasoning.

It reads what no rule foresees. Its features are counts of words, of pairs of neighbouring words, and of the groups of
three to five letters in each word, hashed into `BUCKETS` columns for words and pairs and as many for letter groups.
Each of the two kinds is divided by the square root of the number of its features in the text. The weights
(`builtin/text_model.npz`, written by `make rules-fit`) are log-odds; a softmax over the modes makes probabilities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.builtin_files import builtin_bytes

_BITS: Final = 16
BUCKETS: Final = 1 << _BITS
COLUMNS: Final = 2 * BUCKETS
_GROUPS: Final = (3, 4, 5)
_STEP: Final = np.uint64(0x100000001B3)
_PAIR: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(64 - _BITS)
_PUNCTUATION: Final = r"[\x{2000}-\x{206f}\x{a0}-\x{bf}]"
_ASCII: Final = 0x80
_LETTERS: Final = np.array(
    [byte if byte >= _ASCII else ord(chr(byte).lower()) if re.match(r"\w", chr(byte)) else 0x20 for byte in range(256)],
    dtype=np.uint8,
)
"""The replacement of each byte: its small letter, or a space for ASCII punctuation."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of several texts: one entry per feature and occurrence, with the text and the column."""

    text: np.ndarray
    column: np.ndarray


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of several texts in order, and what is derived once per distinct word."""

    text: np.ndarray
    """The index of each word's text."""
    number: np.ndarray
    """The index of each word among the distinct words."""
    column: np.ndarray
    """The column of each distinct word."""
    hashed: np.ndarray
    """The 64-bit hash of each distinct word."""
    group_word: np.ndarray
    """The distinct word of each letter group, ascending."""
    group_column: np.ndarray

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the text and the column of each pair of neighbouring words."""
        within = self.text[1:] == self.text[:-1]
        first, second = self.number[:-1][within], self.number[1:][within]
        mixed = (self.hashed[first] * _PAIR + self.hashed[second]) * _PAIR
        return self.text[1:][within], (mixed >> _SHIFT).astype(np.int64)


class TextModel:
    """Fitted weights."""

    def __init__(self, weights: np.ndarray, start: np.ndarray) -> None:
        """Take weights (columns x modes) and the start of each mode."""
        self._weights = np.ascontiguousarray(weights, dtype=np.float32)
        self._start = start

    def contributions(self, sentences: pa.Array, row: np.ndarray, rows: int) -> np.ndarray:
        """Return what each sentence adds to each mode's log-odds (sentences x modes); `row` is its text's index."""
        words = _words(sentences)
        single = self._weights[words.column]
        groups = np.zeros_like(single)
        if len(words.group_word):
            bounds = np.flatnonzero(np.diff(words.group_word, prepend=-1))
            groups[words.group_word[bounds]] = np.add.reduceat(self._weights[words.group_column], bounds, axis=0)
        pair_text, pair_column = words.pairs()
        group_count = np.bincount(words.group_word, minlength=len(words.column))
        ordinary = np.bincount(row[words.text], minlength=rows) + np.bincount(row[pair_text], minlength=rows)
        grouped = np.bincount(row[words.text], weights=group_count[words.number], minlength=rows)
        found = _summed(words.text, single[words.number], len(sentences))
        found += _summed(pair_text, self._weights[pair_column], len(sentences))
        found /= np.sqrt(np.maximum(ordinary, 1))[row][:, None]
        found += (
            _summed(words.text, groups[words.number], len(sentences)) / np.sqrt(np.maximum(grouped, 1))[row][:, None]
        )
        return found

    def log_probabilities(self, contributions: np.ndarray, row: np.ndarray, rows: int) -> np.ndarray:
        """Return the log-probability of each mode in each text (texts x modes)."""
        return log_softmax(_summed(row, contributions, rows) + self._start)


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of each line."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def features(texts: pa.Array) -> Features:
    """Return the features of texts, for fitting."""
    words = _words(texts)
    pair_text, pair_column = words.pairs()
    count = np.bincount(words.group_word, minlength=len(words.column))
    first = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else count
    repeats = count[words.number]
    offsets = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    groups = words.group_column[np.repeat(first[words.number], repeats) + offsets]
    return Features(
        np.concatenate([words.text, pair_text, np.repeat(words.text, repeats)]),
        np.concatenate([words.column[words.number], pair_column, groups]),
    )


@cache
def builtin_model() -> TextModel:
    """Return the text model of the package."""
    with np.load(BytesIO(builtin_bytes("text_model.npz"))) as stored:
        return TextModel(stored["weights"] * stored["scale"], stored["start"])


def _summed(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the sums of the lines of `values` with the same index, which ascends: one line per index below `count`."""
    sums = np.zeros((count, values.shape[1]))
    if len(index):
        bounds = np.flatnonzero(np.diff(index, prepend=-1))
        sums[index[bounds]] = np.add.reduceat(values, bounds, axis=0, dtype=np.float64)
    return sums


def _words(texts: pa.Array) -> _Words:
    spaced = pc.replace_substring_regex(texts, _PUNCTUATION, " ")
    parts = pc.ascii_split_whitespace(_with_letters(spaced))
    encoded = pc.list_flatten(parts).dictionary_encode()
    written = encoded.dictionary.to_pylist()
    text = np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
    number = np.asarray(encoded.indices).astype(np.int64)
    kept = np.array([bool(word) for word in written], dtype=bool)[number] if written else np.zeros(0, dtype=bool)
    return _Words(text[kept], number[kept], *_hashed([word.encode() for word in written]))


def _with_letters(texts: pa.Array) -> pa.Array:
    """Replace every byte of the texts by its entry in `_LETTERS`."""
    texts = pa.concat_arrays([texts.cast(pa.large_string())])  # a slice then has offsets from 0
    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    return pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(_LETTERS[np.frombuffer(data, np.uint8)]))


def _hashed(words: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return per word its column and hash, and the word and column of each letter group."""
    marked = b"".join(b"\x02" + word + b"\x03" for word in words)
    letters = np.frombuffer(marked, np.uint8).astype(np.uint64) + np.uint64(1)
    lengths = np.array([len(word) + 2 for word in words], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    if not len(letters):
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty.astype(np.uint64), empty, empty
    word = np.repeat(np.arange(len(words)), lengths)
    position = np.arange(len(letters)) - starts[word]
    powers = np.cumprod(np.full(int(lengths.max()), _STEP), dtype=np.uint64)
    whole = np.add.reduceat(letters * powers[position], starts, dtype=np.uint64) * _PAIR
    group_word, group_column = [], []
    for size in _GROUPS:
        begins = np.flatnonzero(position + size <= lengths[word])
        value = np.full(len(begins), np.uint64(size))
        for offset in range(size):
            value = value * _STEP + letters[begins + offset]
        group_word.append(word[begins])
        group_column.append(BUCKETS + ((value * _PAIR) >> _SHIFT).astype(np.int64))
    order = np.argsort(np.concatenate(group_word), kind="stable")
    columns = np.concatenate(group_column)[order]
    return (whole >> _SHIFT).astype(np.int64), whole, np.concatenate(group_word)[order], columns
