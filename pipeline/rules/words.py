"""Part texts into words: what each stands for, and where quotations, commas and sentence ends are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pipeline.rules.lexicon import Lexicon

# Marks of a word: a quotation opens before it or closes after it (double and single marks), a comma or the
# sentence's end follows, or it is no word but a mark that parts clauses, or a line's end; a colon follows; it is
# a verdict.
OPENS, CLOSES, OPENS_SINGLE, CLOSES_SINGLE, COMMA, STOP, BREAK, LINE, COLON, VERDICT = (1 << bit for bit in range(10))

_ENDS: Final = re.compile(r"^([\W_]*)(.*?)([\W_]*)$", re.DOTALL)
_ABBREVIATIONS: Final = frozenset("e.g i.e eg ie vs etc approx no dr mr mrs ms st resp cf incl".split())
_LINE_END: Final = "\u00b6"
_VERDICTS: Final = frozenset("true false pass fail passed failed null n/a".split())
_SIGNS: Final = frozenset("\u2713\u2714\u2705\u2717\u2718\u274c")
_OPENING: Final = frozenset('"\u201c\u201e\u00ab')
_CLOSING: Final = frozenset('"\u201d\u201c\u00bb')
_REMEMBERED: Final = 200_000
MOST_SETS: Final = 25_000
"""Sets of concepts have codes that are written as characters (`sayings.py`), of which there are no more."""
_PARTING: Final = ("\u2014", "\u2013", "\u2022", "|", "->", "\u2192")


class Words(NamedTuple):
    """The words of many texts, in order; all arrays have one entry per word."""

    spellings: pa.Array
    """Each distinct word as written."""
    ids: np.ndarray
    """The word's place in `spellings`."""
    text: np.ndarray
    """The position of the text in which it stands."""
    marks: np.ndarray
    """What stands around it."""
    codes: np.ndarray
    """The set of concepts that it stands for, as a code of the reader; 0 is the empty set."""


class Reader:
    """Reads texts with a lexicon, and remembers words that it has met, so that batches after the first go faster."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._first_words = {words[0] for words, _ in lexicon.phrases}
        self._forget()

    def _forget(self) -> None:
        self._met: dict[str, tuple[int, int, int]] = {}
        self._classes: dict[frozenset[str], int] = {frozenset(): 0}
        self.sets: dict[frozenset[str], int] = {frozenset(): 0}
        """The sets of concepts met so far, and their codes."""

    def _code(self, concepts: frozenset[str]) -> int:
        """Give the code of a set of concepts; past the most that there may be, that of none."""
        if concepts not in self.sets and len(self.sets) >= MOST_SETS:
            return 0
        return self.sets.setdefault(concepts, len(self.sets))

    def read(self, texts: pa.Array) -> Words:
        """Part texts (strings without nulls) into words."""
        texts = pc.replace_substring(texts, "\n", f" {_LINE_END} ")
        for mark in _PARTING:
            texts = pc.replace_substring(texts, mark, f" {mark} ")
        parts = pc.utf8_split_whitespace(texts)
        coded = pc.list_flatten(parts).dictionary_encode()
        if len(self._met) > _REMEMBERED or len(self.sets) >= MOST_SETS:
            self._forget()
        ids, text = np.asarray(coded.indices), np.asarray(pc.list_parent_indices(parts))
        met = np.array([self._meet(word) for word in coded.dictionary.to_pylist()], dtype=np.int32).reshape(-1, 3)
        written = np.asarray(pc.binary_length(coded.dictionary)) > 0
        kept = written[ids]
        ids, text = ids[kept], text[kept]
        marks, codes, classes = met[:, 0][ids], met[:, 1][ids], met[:, 2][ids]
        self._read_phrases(codes, classes, marks, text)
        return Words(coded.dictionary, ids, text, marks, codes)

    def _meet(self, written: str) -> tuple[int, int, int]:
        """Give a word's marks, the code of its concepts, and the code of the phrase words that it may be."""
        if written not in self._met:
            lead, core, trail = _ENDS.match(written).groups()  # type: ignore[union-attr] # it matches any text
            core = core.partition("(")[0].replace("\u2019", "'")
            self._met[written] = (
                _marks_of(lead, core, trail),
                self._code(self._lexicon.of(core)),
                self._classes.setdefault(self._lexicon.in_phrases(core), len(self._classes)),
            )
        return self._met[written]

    def _read_phrases(self, codes: np.ndarray, classes: np.ndarray, marks: np.ndarray, text: np.ndarray) -> None:
        """Let the first word of each phrase stand for the phrase's concept and its other words for nothing."""
        goes_on = (marks & (STOP | COMMA | BREAK)) == 0
        goes_on[-1:] = False
        places = np.flatnonzero(goes_on & (classes > 0))
        order = places[np.argsort(classes[places], kind="stable")]
        bounds = np.searchsorted(classes[order], np.arange(len(self._classes) + 1)).tolist()
        fitting = self._fitting()
        starts = {
            word: np.concatenate([order[bounds[code] : bounds[code + 1]] for code in np.flatnonzero(fitting[word])])
            for word in self._first_words & fitting.keys()
        }
        followed = {word: np.bincount(classes[at + 1], minlength=len(self._classes)) > 0 for word, at in starts.items()}
        taken = np.zeros(len(codes), dtype=bool)
        for words, concepts in self._lexicon.phrases:
            at = starts.get(words[0])
            if at is None or not all(word in fitting for word in words):
                continue
            if not (fitting[words[1]] & followed[words[0]]).any():
                continue
            at = at[at + len(words) <= len(codes)]
            for step, word in enumerate(words[1:], 1):
                there = at + step
                at = at[fitting[word][classes[there]] & goes_on[there - 1] & (text[there] == text[at])]
            for step in range(len(words)):
                at = at[~taken[at + step]]
            for step in range(len(words)):
                codes[at + step] = 0
                taken[at + step] = True
            codes[at] = self._code(concepts)

    def _fitting(self) -> dict[str, np.ndarray]:
        """Tell, for each word of phrases that was met, which classes of words fit it."""
        fitting: dict[str, np.ndarray] = {}
        for words, code in self._classes.items():
            for word in words:
                if word not in fitting:
                    fitting[word] = np.zeros(len(self._classes), dtype=bool)
                fitting[word][code] = True
        return fitting


def _marks_of(lead: str, core: str, trail: str) -> int:
    if not core:
        around = lead + trail
        if around in {'"', "\u201c", "\u201d"}:
            return 0
        if _SIGNS & set(around):
            return VERDICT | (STOP if set(around) & set(".;") else 0)
        return BREAK | (LINE if around == _LINE_END else 0)
    marks = VERDICT if core.lower() in _VERDICTS else 0
    marks |= COLON if ":" in trail or "=" in trail else 0
    marks |= OPENS if _OPENING & set(lead) else 0
    marks |= CLOSES if _CLOSING & set(trail) else 0
    marks |= OPENS_SINGLE if lead.endswith(("'", "\u2018")) else 0
    marks |= CLOSES_SINGLE if "'" in trail or "\u2019" in trail else 0
    marks |= COMMA if "," in trail or ")" in trail else 0
    if any(mark in trail for mark in "!?;") or (trail.find(".") >= 0 and core.lower() not in _ABBREVIATIONS):
        marks |= STOP
    return marks
