"""Which language texts are in, by their script and by frequent words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN: Final = -1

_WORDS: Final[Mapping[str, str]] = {
    "en": "the and of to is that it you for with this are your have be not what can would my how was will from they "
    "which there about when please been has should could their i'm it's don't a i in on at we me do so an if as or by "
    "but any just i'll i've you're that's he she his her no all then any one who",
    "es": "el los las que y en un una por con para está es su lo como pero más este esta hay usted puede muy qué "
    "cuando también sobre puedo tiene nos cómo",
    "fr": "le les des et est une dans pour que qui vous pas sur avec ce nous votre mais je sont plus cette être aux "
    "c'est très comment peut bien voici avez où",
    "de": "der die das und ist nicht ein eine zu den von mit sie für auf dem ich auch es sich wie wir kann haben oder "
    "bitte werden einen ihre können wenn",
    "it": "il che di è per non una sono con della nel gli ma più questo anche come può essere alla dei ho delle "
    "perché vorrei puoi mi",
    "pt": "o os que não uma para com do da em dos mas mais você está por como são também pode muito seu isso ao meu "
    "quando até já obrigado",
    "nl": "het een van is niet en dat ik je voor met zijn op te aan maar ook bij wat hoe naar deze kunt heeft wordt "
    "uw geen deze kan",
    "sv": "och att det är som en på för inte jag med av till du kan har den om vi ett eller när vad från skulle",
    "da": "og at det er som en på for ikke jeg med af til du kan har den vi et eller når hvad fra skal hvis",
    "fi": "ja on ei se että olen mutta myös voit kun tai hän ovat jos mitä kuin niin sinun voi minun",
    "pl": "i nie w na się jest że do to co jak ale czy tak dla od po są może przez który proszę tego mam",
    "cs": "a je se že na to v není jak ale jsem které pro jsou nebo také může když prosím jako byl být máte",
    "tr": "ve bir bu için ile ne da de çok daha gibi olarak nas\u0131l ama değil var olan ben mi sonra kadar",
    "ro": "și în că nu este cu pe la sau pentru mai din care sunt ce fi dar poate dacă această vă",
    "id": "yang dan di untuk dengan ini itu dari tidak adalah akan pada anda saya bisa ada apa atau juga dalam",
}
_SCRIPTS: Final = (
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Thai",
)
_NOT_LATIN: Final = r"[^\P{L}\p{Latin}]"
_READ: Final = 400
"""How many characters of a text are looked at."""
_OTHERS: Final = 0.5
"""A text has at most this share of the frequent words of its language in any other; many words are in several."""
_OF_LETTERS: Final = 0.5
"""A text is in a script that has more than this share of its letters."""
_FEWEST_LETTERS: Final = 10
_FEWEST_KANA: Final = 0.1
"""With this share of its letters in kana, a text is Japanese, and else Chinese."""


@cache
def stop_words() -> frozenset[str]:
    """Return the frequent words of all languages."""
    return frozenset(word for words in _WORDS.values() for word in words.split())


def languages(texts: pa.Array, fewest_words: int) -> np.ndarray:
    """Return the language of each text as a number, `UNKNOWN` where it is not clear.

    A text in Latin letters needs at least `fewest_words` frequent words of its language, and half as many of any other.
    """
    read = pc.utf8_slice_codeunits(texts, 0, _READ)
    by_words = _by_words(read, fewest_words)
    foreign = np.flatnonzero(np.asarray(pc.match_substring_regex(read, _NOT_LATIN), dtype=bool))
    by_words[foreign] = _by_script(read.take(pa.array(foreign)), by_words[foreign])
    return by_words


def _by_words(texts: pa.Array, fewest_words: int) -> np.ndarray:
    words, is_in = _word_lists()
    split = pc.utf8_split_whitespace(pc.utf8_lower(texts))
    found = pc.index_in(pc.ascii_trim(pc.list_flatten(split), characters='.,;:!?"()'), value_set=words)
    known = np.asarray(found.is_valid(), dtype=bool)
    text, word = np.asarray(pc.list_parent_indices(split))[known], np.asarray(found.drop_null())
    counts = np.stack([np.bincount(text[of_language[word]], minlength=len(texts)) for of_language in is_in])
    second, most = np.sort(counts, axis=0)[-2:]
    clear = (most >= fewest_words) & (second <= _OTHERS * most)
    return np.where(clear, counts.argmax(axis=0), UNKNOWN)


def _by_script(texts: pa.Array, latin: np.ndarray) -> np.ndarray:
    """Return the languages of texts that have letters of another script; `latin` is what their words say."""
    letters = np.asarray(pc.count_substring_regex(texts, r"\p{L}"))
    counts = np.stack([np.asarray(pc.count_substring_regex(texts, rf"\p{{{name}}}")) for name in _SCRIPTS], axis=-1)
    kana = counts[:, 1] + counts[:, 2]
    japanese = (kana > 0) & (kana >= _FEWEST_KANA * letters)
    counts[:, 0] = np.where(japanese, 0, counts[:, 0] + kana)
    counts[:, 1] = np.where(japanese, letters, 0)
    counts[:, 2] = 0
    most = counts.max(axis=1, initial=0)
    clear = (letters >= _FEWEST_LETTERS) & (most > _OF_LETTERS * letters)
    return np.where(
        clear, len(_WORDS) + counts.argmax(axis=1), np.where(2 * most > _OF_LETTERS * letters, UNKNOWN, latin)
    )


@cache
def _word_lists() -> tuple[pa.Array, np.ndarray]:
    """Return the frequent words, and a matrix language x word: whether the language has it."""
    of_language = [frozenset(words.split()) for words in _WORDS.values()]
    every = sorted(stop_words())
    return pa.array(every, pa.large_string()), np.array([[word in words for word in every] for words in of_language])
