"""Split texts into tokens: which concepts each one expresses, and where quotations, commas and sentence ends are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.lexicon import builtin_lexicon

# Flags of a token: a quotation opens before it or closes after it (double and single marks); a comma or the end
# of the sentence follows; it is a mark that separates clauses, or a line break; a colon follows; it is a verdict.
OPENS, CLOSES, OPENS_SINGLE, CLOSES_SINGLE, COMMA, STOP, BREAK, LINE, COLON, VERDICT = (1 << bit for bit in range(10))

_ENDS: Final = re.compile(r"^([\W_]*)(.*?)([\W_]*)$", re.DOTALL)
_ABBREVIATIONS: Final = frozenset("e.g i.e eg ie vs etc approx no dr mr mrs ms st resp cf incl".split())
_LINE_BREAK: Final = "\u00b6"
_VERDICTS: Final = frozenset("true false pass fail passed failed null n/a".split())
_VERDICT_SYMBOLS: Final = frozenset("\u2713\u2714\u2705\u2717\u2718\u274c")
_OPENING: Final = frozenset('"\u201c\u201e\u00ab')
_CLOSING: Final = frozenset('"\u201d\u201c\u00bb')
_SEPARATORS: Final = ("\u2014", "\u2013", "\u2022", "|", "->", "\u2192")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, in order; every array but `spellings` has one entry per token."""

    spellings: pa.Array
    """Each distinct token as written."""
    ids: np.ndarray
    """The token's index in `spellings`."""
    text: np.ndarray
    """The index of its text."""
    flags: np.ndarray
    """What surrounds it: a combination of the flags of this module."""
    codes: np.ndarray
    """The index in `concept_sets` of the concepts that it expresses."""
    concept_sets: list[frozenset[str]]
    """The distinct sets of concepts; the first is empty."""


def tokenize(texts: pa.Array) -> Tokens:
    """Split texts (large strings, no nulls) at white space, line breaks and dashes, and look up their concepts."""
    texts = pc.replace_substring(texts, "\n", f" {_LINE_BREAK} ")
    for separator in _SEPARATORS:
        texts = pc.replace_substring(texts, separator, f" {separator} ")
    parts = pc.utf8_split_whitespace(texts)
    encoded = pc.list_flatten(parts).dictionary_encode()
    concept_sets: dict[frozenset[str], int] = {frozenset(): 0}
    phrase_sets: dict[frozenset[str], int] = {frozenset(): 0}
    properties = np.array(
        [
            (
                flags,
                concept_sets.setdefault(concepts, len(concept_sets)),
                phrase_sets.setdefault(phrase_words, len(phrase_sets)),
            )
            for flags, concepts, phrase_words in map(_look_up, encoded.dictionary.to_pylist())
        ],
        dtype=np.int32,
    ).reshape(-1, 3)
    ids, text = np.asarray(encoded.indices), np.asarray(pc.list_parent_indices(parts))
    kept = (np.asarray(pc.binary_length(encoded.dictionary)) > 0)[ids]
    ids, text = ids[kept], text[kept]
    flags, codes, phrase_codes = (column[ids] for column in properties.T)
    _mark_phrases(codes, concept_sets, phrase_codes, list(phrase_sets), flags, text)
    return Tokens(encoded.dictionary, ids, text, flags, codes, list(concept_sets))


@lru_cache(maxsize=1 << 17)
def _look_up(written: str) -> tuple[int, frozenset[str], frozenset[str]]:
    """Return a token's flags, its concepts, and the words of phrases that it matches."""
    lead, core, trail = _ENDS.match(written).groups()  # type: ignore[union-attr] # it matches any text
    core = core.partition("(")[0].replace("\u2019", "'")
    lexicon = builtin_lexicon()
    return _flags(lead, core, trail), lexicon.concepts_of(core), lexicon.phrase_words_of(core)


def _mark_phrases(  # noqa: PLR0913, PLR0917 - the columns of the tokens
    codes: np.ndarray,
    concept_sets: dict[frozenset[str], int],
    phrase_codes: np.ndarray,
    phrase_sets: list[frozenset[str]],
    flags: np.ndarray,
    text: np.ndarray,
) -> None:
    """Write the concepts of each phrase into `codes` at its first token, and none at its other tokens.

    Longer phrases go first, and a token belongs to one phrase at most.
    """
    matching: dict[str, np.ndarray] = {}  # word of phrases -> whether each of `phrase_sets` contains it
    for number, phrase_words in enumerate(phrase_sets):
        for word in phrase_words:
            matching.setdefault(word, np.zeros(len(phrase_sets), dtype=bool))[number] = True
    continues = (flags & (STOP | COMMA | BREAK)) == 0
    continues[-1:] = False
    places = np.flatnonzero(continues & (phrase_codes > 0))
    codes_here, codes_next = phrase_codes[places], phrase_codes[places + 1]
    starts: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # first word -> its places, and what follows it
    taken = np.zeros(len(codes), dtype=bool)
    for words, concepts in builtin_lexicon().phrases:
        if not all(word in matching for word in words):
            continue
        if words[0] not in starts:
            here = matching[words[0]][codes_here]
            starts[words[0]] = places[here], np.unique(codes_next[here])
        at, followed_by = starts[words[0]]
        if not matching[words[1]][followed_by].any():
            continue
        at = at[at + len(words) <= len(codes)]
        for step, word in enumerate(words[1:], 1):
            there = at + step
            at = at[matching[word][phrase_codes[there]] & continues[there - 1] & (text[there] == text[at])]
        for step in range(len(words)):
            at = at[~taken[at + step]]
        for step in range(len(words)):
            codes[at + step] = 0
            taken[at + step] = True
        codes[at] = concept_sets.setdefault(concepts, len(concept_sets))


def _flags(lead: str, core: str, trail: str) -> int:
    """Return the flags of a token, given its leading punctuation, its word and its trailing punctuation."""
    if not core:
        around = lead + trail
        if around in {'"', "\u201c", "\u201d"}:
            return 0
        if _VERDICT_SYMBOLS & set(around):
            return VERDICT | (STOP if set(around) & set(".;") else 0)
        return BREAK | (LINE if around == _LINE_BREAK else 0)
    flags = VERDICT if core.lower() in _VERDICTS else 0
    flags |= COLON if ":" in trail or "=" in trail else 0
    flags |= OPENS if _OPENING & set(lead) else 0
    flags |= CLOSES if _CLOSING & set(trail) else 0
    flags |= OPENS_SINGLE if lead.endswith(("'", "\u2018")) else 0
    flags |= CLOSES_SINGLE if "'" in trail or "\u2019" in trail else 0
    flags |= COMMA if "," in trail or ")" in trail else 0
    if any(mark in trail for mark in "!?;") or (trail.find(".") >= 0 and core.lower() not in _ABBREVIATIONS):
        flags |= STOP
    return flags
