"""The concepts that rules speak of, and the words and phrases that stand for them (`builtin/lexicon.toml`)."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Final

from pipeline.rules.builtin_files import read_builtin

NEGATOR: Final = "negator"
NAMED: Final = "named"
"""The concept of a name in a program, such as `book_room` or `bookRoom`: nearly always a tool."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z]\w*_\w+|[a-z]+(?:[A-Z][a-z]+)+")
_PARTS: Final = re.compile(r"[-/]")
_SHORTEST_STEM: Final = 3


class WordTable:
    """Finds what stands under a word; an entry that ends in `*` is found by every word that begins so."""

    def __init__(self) -> None:
        self.words: dict[str, frozenset[str]] = {}
        self.stems: dict[str, dict[str, frozenset[str]]] = {}
        """Stems by their first letters, of which each has at least so many."""

    def add(self, word: str, value: str) -> None:
        """Put a value under a word."""
        table, key = (self.words, word)
        if word.endswith("*"):
            table, key = self.stems.setdefault(word[:_SHORTEST_STEM], {}), word[:-1]
        table[key] = table.get(key, frozenset()) | {value}

    def of(self, word: str) -> frozenset[str]:
        """Give all values under a word."""
        found = self.words.get(word, frozenset())
        for stem, values in self.stems.get(word[:_SHORTEST_STEM], {}).items():
            if word.startswith(stem):
                found |= values
        return found


class Lexicon:
    """Which concepts a word stands for, and which phrases there are."""

    def __init__(
        self,
        concepts: dict[str, str],
        phrases: tuple[tuple[tuple[str, ...], frozenset[str]], ...],
        single: WordTable,
        in_phrases: WordTable,
    ) -> None:
        self.concepts = concepts
        """Each concept, and what it is about."""
        self.phrases = phrases
        """Words in a row, and the concepts that they stand for; the longest first."""
        self._single = single
        self._in_phrases = in_phrases

    def of(self, word: str) -> frozenset[str]:
        """Give the concepts of a word; of a hyphenated one that is not known, those of its parts."""
        lower = word.lower()
        found = self._single.of(lower)
        if lower.endswith(("n't", "n’t")):
            found |= {NEGATOR}
        if is_identifier(word):
            return found | {NAMED}
        if not found and len(parts := _PARTS.split(lower)) > 1:
            return frozenset[str]().union(*map(self._single.of, parts))
        return found

    def knows(self, word: str) -> bool:
        """Tell whether a word in lower case stands for a concept by itself."""
        return bool(self._single.of(word))

    def in_phrases(self, word: str) -> frozenset[str]:
        """Give the words of phrases that a word may stand for."""
        return self._in_phrases.of(word.lower())


def is_identifier(word: str) -> bool:
    """Tell whether a word is written as a name in a program."""
    return _IDENTIFIER.fullmatch(word) is not None


@cache
def builtin_lexicon() -> Lexicon:
    """Read the lexicon of the package."""
    data = read_builtin("lexicon.toml")
    single, in_phrases = WordTable(), WordTable()
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for concept, entry in data.items():
        written = [tuple(text.split()) for text in entry.get("phrases", ())]
        for word in [*entry.get("words", "").split(), *(words[0] for words in written if len(words) == 1)]:
            single.add(word, concept)
        for words in written:
            if len(words) > 1:
                found[words].add(concept)
    for words in found:
        for word in words:
            in_phrases.add(word, word)
    phrases = tuple((words, frozenset(found[words])) for words in sorted(found, key=len, reverse=True))
    return Lexicon({name: entry["about"] for name, entry in data.items()}, phrases, single, in_phrases)
