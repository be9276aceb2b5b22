"""The concepts that rules refer to, and the words and phrases that express them (`builtin/lexicon.toml`)."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Final

from pipeline.rules.builtin_files import read_builtin

NEGATOR: Final = "negator"
NAMED: Final = "named"
"""The concept of an identifier, such as `book_room` or `bookRoom`: nearly always the name of a tool."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z]\w*_\w+|[a-z]+(?:[A-Z][a-z]+)+")
_PARTS: Final = re.compile(r"[-/]")
_SHORTEST_STEM: Final = 3


class PrefixTable:
    """Maps words to sets of values; an entry that ends in `*` applies to every word with that prefix."""

    def __init__(self) -> None:
        self._words: dict[str, frozenset[str]] = {}
        self._stems: dict[str, dict[str, frozenset[str]]] = {}
        """Prefixes, grouped by their first `_SHORTEST_STEM` letters."""

    def add(self, word: str, value: str) -> None:
        """Add a value to a word, or to a prefix written with a final `*`."""
        table, key = (self._words, word)
        if word.endswith("*"):
            table, key = self._stems.setdefault(word[:_SHORTEST_STEM], {}), word[:-1]
        table[key] = table.get(key, frozenset()) | {value}

    def __getitem__(self, word: str) -> frozenset[str]:
        found = self._words.get(word, frozenset())
        for stem, values in self._stems.get(word[:_SHORTEST_STEM], {}).items():
            if word.startswith(stem):
                found |= values
        return found


class Lexicon:
    """Concepts, the words that express them, and phrases of several words."""

    def __init__(
        self,
        concepts: dict[str, str],
        phrases: tuple[tuple[tuple[str, ...], frozenset[str]], ...],
        single: PrefixTable,
        in_phrases: PrefixTable,
    ) -> None:
        self.concepts = concepts
        """Each concept and its description."""
        self.phrases = phrases
        """Phrases as tuples of words with their concepts, the longest phrase first."""
        self._single = single
        self._in_phrases = in_phrases

    def concepts_of(self, word: str) -> frozenset[str]:
        """Return the concepts of a word; a hyphenated word that is not listed has those of its parts."""
        lower = word.lower()
        found = self._single[lower]
        if lower.endswith(("n't", "n’t")):
            found |= {NEGATOR}
        if is_identifier(word):
            return found | {NAMED}
        if not found and len(parts := _PARTS.split(lower)) > 1:
            return frozenset[str]().union(*(self._single[part] for part in parts))
        return found

    def __contains__(self, word: str) -> bool:
        return bool(self._single[word])

    def phrase_words_of(self, word: str) -> frozenset[str]:
        """Return the words and prefixes of phrases that match a word."""
        return self._in_phrases[word.lower()]


def is_identifier(word: str) -> bool:
    """Whether a word is written as an identifier in a program, in snake case or camel case."""
    return _IDENTIFIER.fullmatch(word) is not None


@cache
def builtin_lexicon() -> Lexicon:
    """Return the lexicon of the package."""
    data = read_builtin("lexicon.toml")
    single, in_phrases = PrefixTable(), PrefixTable()
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
