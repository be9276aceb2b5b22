"""Phrases that the judge uses again and again in the failed rows of an error mode."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.stages.languages import stop_words
from pipeline.stages.tables import concat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_READ: Final = 500
"""Of each benchmark and error mode at most so many rows are read, drawn by a hash of their row id."""
_LARGE: Final = 10
_LARGE_SHARE: Final = 0.1
"""A mode is large with so many failed rows, or with this share of the benchmark's; `other` is always looked into."""
_FEWEST_ROWS: Final = 3
_FEWEST_SHARE: Final = 0.05
_FEWEST_TURNS: Final = 3
"""A phrase recurs in at least so many rows, at least this share of the rows read, and on so many turns (all, if fewer):
what the judge says of one turn again and again is about the turn.
"""
_LONGEST: Final = 5
_SHOWN: Final = 5
_SAME_ROWS: Final = 0.8
"""A phrase within a longer one is dropped if the longer one has this share of its rows."""
_SAME_THING: Final = 0.5
"""A phrase that shares a word and this share of its rows with one chosen before is about the same thing."""
_READ: Final = 2_000
"""How many characters of a reasoning are kept and read."""
_QUOTED: Final = re.compile(r"\"[^\"\n]{0,300}\"|“[^”\n]{0,300}”|(?<!\w)'[^'\n]{1,200}'(?!\w)|`[^`\n]{0,200}`")
_WORD: Final = re.compile(r"[^\W_]+(?:['’_-][^\W_]+)*|[.,;:!?()\[\]\n/|]")
_STOP_WORDS: Final = """
    about above after again also although am among and are aren't be because been before being between both could did
    does doing down during each few further had having here here's hers him himself however if into is isn't it it's
    itself just more most much must now off once one's only other others our ours out over own same several some still
    such than that's them themselves then there's these those though through thus too under until up upon us very via
    was were where whether while whom whose why within yet
"""
_NO_ENDS: Final = stop_words() | frozenset(_STOP_WORDS.split())
"""No phrase begins or ends with these ..."""
_DENIALS: Final = frozenset(
    (
        "no",
        "not",
        "never",
        "without",
        "nothing",
        "did",
        "does",
        "didn't",
        "doesn't",
        "don't",
        "can't",
        "wasn't",
        "aren't",
    )
)
"""... but for these, with which it may begin."""
_JUDGES_WORDS: Final = """
    agent agent's ai answer answers ask asked asking asks assistant assistant's bot caller caller's chatbot conversation
    customer customer's dimension evaluation fail failed failing fails failure false judge judgment model model's output
    pass passed rating reply request requested requests response responses row score scored scores true turn turn's user
    user's users
"""
_JUDGES: Final = frozenset(_JUDGES_WORDS.split())
"""What judges speak of anyway: a phrase needs another word beside these."""


def keep_complaints(kept: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failed rows in which phrases are looked for: of each benchmark and error mode up to `MOST_READ`.

    `kept` are those of earlier batches; `failures` has the columns of `schema.COMPLAINTS`. Which rows are drawn does
    not depend on the batches.
    """
    explained = failures.loc[failures["judge_reasoning"].str.strip().ne(""), list(schema.COMPLAINTS)]
    explained = explained.assign(judge_reasoning=explained["judge_reasoning"].str.slice(0, _READ))
    every = concat([part for part in (kept, explained) if len(part)], schema.COMPLAINTS)
    by_mode = every.groupby(["benchmark_name", "error_mode"], observed=True)
    if by_mode.size().max() > MOST_READ:
        drawn = pd.Series(pd.util.hash_array(every["row_id"].to_numpy(dtype=object)), every.index)
        place = drawn.groupby([every["benchmark_name"], every["error_mode"]], observed=True).rank(method="first")
        every = every[place.le(MOST_READ)].reset_index(drop=True)
    return every


def recurring_phrases(complaints: pd.DataFrame, failures: pd.DataFrame, dimensions: Iterable[str]) -> pd.DataFrame:
    """Return up to five phrases per benchmark and error mode (`schema.RECURRING`), `other` first, then large modes.

    `complaints` are the rows of `keep_complaints`, `failures` all failed rows (`benchmark_name`, `error_mode`). The
    phrases of a mode are ordered by how many more of its rows have them than the benchmark's failed rows would suggest.
    """
    names = {re.sub(r"[\W_]+", " ", name.lower()) for name in dimensions}
    found = [
        (benchmark, mode, phrase.text, len(phrase.rows), read, phrase.example)
        for benchmark, rows in complaints.groupby("benchmark_name", observed=True, sort=False)
        for mode, read, phrase in _of_benchmark(rows, _large_modes(failures, str(benchmark)), names)
    ]
    frame = pd.DataFrame(found, columns=list(schema.RECURRING)).astype({"failed_rows": "int64", "rows_read": "int64"})
    kinds = {name: kind for name, kind in schema.RECURRING.items() if kind in {"category", "str"}}
    return schema.conform(frame.astype(dict.fromkeys(kinds, "str")).astype(kinds), schema.RECURRING)


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[str, ...]
    rows: frozenset[int]
    """The rows of the mode that have it."""
    example: str
    excess: float
    """How many more rows of the mode have it than its share of all failed rows suggests."""

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def content(self) -> frozenset[str]:
        return frozenset(self.words) - _NO_ENDS - _JUDGES

    def parts(self) -> Iterator[tuple[str, ...]]:
        """Yield the shorter runs of words within this one."""
        for length in range(2, len(self.words)):
            yield from (self.words[first : first + length] for first in range(len(self.words) - length + 1))

    def about_same(self, other: _Phrase) -> bool:
        """Whether this phrase shares a word and many rows with another."""
        return bool(self.content & other.content) and len(self.rows & other.rows) >= _SAME_THING * len(self.rows)


def _large_modes(failures: pd.DataFrame, benchmark: str) -> list[str]:
    of_benchmark = failures.loc[failures["benchmark_name"].eq(benchmark), "error_mode"].astype("str")
    sizes = of_benchmark.value_counts()
    ordered = sorted((-size, mode) for mode, size in zip(sizes.index.tolist(), sizes.tolist(), strict=True))
    large = [mode for size, mode in ordered if -size >= min(_LARGE, _LARGE_SHARE * len(of_benchmark))]
    return [schema.OTHER, *(mode for mode in large if mode != schema.OTHER)]


def _of_benchmark(rows: pd.DataFrame, modes: Sequence[str], dimensions: set[str]) -> Iterator[tuple[str, int, _Phrase]]:
    """Yield the phrases of each mode, with the number of its rows that were read."""
    of_mode, turn, row_id = (
        rows["error_mode"].astype("str").to_numpy(),
        rows["turn"].to_numpy(),
        rows["row_id"].tolist(),
    )
    grams, words = _grams(rows["judge_reasoning"].tolist())
    telling = np.array([_is_telling(each, dimensions) for each in words], dtype=bool)
    grams = grams[telling[grams["gram"]]]
    overall = np.bincount(grams["gram"], minlength=len(words))
    for mode in modes:
        is_mode = of_mode == mode
        read, turns = int(is_mode.sum()), len(set(turn[is_mode]))
        of_gram = grams[is_mode[grams["row"]]].assign(turn=lambda found: turn[found["row"]]).groupby("gram")
        recurs = of_gram["row"].transform("size").ge(max(_FEWEST_ROWS, ceil(_FEWEST_SHARE * read)))
        recurs &= of_gram["turn"].transform("nunique").ge(min(_FEWEST_TURNS, turns))
        members: dict[int, list[int]] = defaultdict(list)
        found = of_gram.obj[recurs]
        for gram, row in zip(found["gram"].tolist(), found["row"].tolist(), strict=True):
            members[gram].append(row)
        phrases = [
            _Phrase(words[gram], frozenset(having), row_id[min(having)], len(having) - read * overall[gram] / len(rows))
            for gram, having in members.items()
        ]
        yield from ((mode, read, phrase) for phrase in _choose(phrases))


def _choose(phrases: Iterable[_Phrase]) -> list[_Phrase]:
    """Return the phrases to name: none within a longer one of the same rows, no two that say about the same."""
    usual = [phrase for phrase in phrases if phrase.excess >= 0]
    in_longer: dict[tuple[str, ...], int] = defaultdict(int)
    for phrase in usual:
        for part in phrase.parts():
            in_longer[part] = max(in_longer[part], len(phrase.rows))
    chosen: list[_Phrase] = []
    for phrase in sorted(usual, key=lambda each: (-each.excess, -len(each.rows), each.words)):
        if in_longer.get(phrase.words, 0) >= _SAME_ROWS * len(phrase.rows):
            continue
        if not any(phrase.about_same(other) for other in chosen):
            chosen.append(phrase)
        if len(chosen) == _SHOWN:
            break
    return chosen


def _is_telling(words: tuple[str, ...], dimensions: set[str]) -> bool:
    """Whether a phrase says something: no dimension's name, no stop word at its ends, a word that judges do not use."""
    if words[-1] in _NO_ENDS or words[-1].endswith(("'s", "’s")) or (words[0] in _NO_ENDS and words[0] not in _DENIALS):
        return False
    if all(word in _NO_ENDS or word in _JUDGES or word.isdigit() for word in words):
        return False
    text = " ".join(words)
    return not any(f" {text} " in f" {name} " for name in dimensions)


def _grams(texts: Sequence[str]) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Return the runs of two to five words that several texts have: one row per text (`row`) x run (`gram`).

    Also returns the words of each run. A run of words ends at a punctuation mark; a longer one is only looked for where
    both of the shorter runs in it are frequent (Agrawal and Srikant, 1994).
    """
    split = [_WORD.findall(_QUOTED.sub(" . ", text.lower())) for text in texts]
    row = np.repeat(np.arange(len(split)), [len(words) for words in split])
    word, found = pd.factorize(np.array([word for words in split for word in words], dtype=object))
    vocabulary = found.tolist()
    spoken = np.array([text[0].isalnum() for text in vocabulary], dtype=bool)
    run = np.where(spoken[word], word, -1) if vocabulary else word
    parts, known = [pd.DataFrame({"row": row[:0], "gram": row[:0]})], list[tuple[str, ...]]()
    for length in range(2, _LONGEST + 1):
        # The run that begins here and the one that begins at the next word, one word shorter, overlap in this one.
        joined = (run >= 0) & (np.roll(run, -1) >= 0) & (row == np.roll(row, 1 - length))
        joined[len(joined) - length + 1 :] = False
        places = np.flatnonzero(joined)
        code, _ = pd.factorize(run[places] * len(vocabulary) + word[places + length - 1])
        once = pd.DataFrame({"row": row[places], "gram": code}).drop_duplicates()
        frequent = np.bincount(once["gram"]) >= _FEWEST_ROWS
        first = places[~pd.Series(code).duplicated().to_numpy()]  # codes are numbered as they appear
        number = np.where(frequent, frequent.cumsum() - 1 + len(known), -1)
        shared = once[frequent[once["gram"]]]
        parts.append(shared.assign(gram=number[shared["gram"]]))
        known += [tuple(vocabulary[each] for each in word[place : place + length]) for place in first[frequent]]
        run = np.full(len(word), -1)
        run[places] = number[code]
    return pd.concat(parts, ignore_index=True), known
