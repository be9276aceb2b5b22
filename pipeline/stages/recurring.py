"""Phrases that the judge uses again and again in the failed rows of an error mode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.stages.languages import stop_words
from pipeline.stages.tables import concat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST_READ: Final = 500
"""Of each benchmark and error mode at most so many rows are read, drawn by a hash of their row id."""
_LARGE: Final = 10
_LARGE_SHARE: Final = 0.1
"""A mode is large with so many failed rows, or with this share of the benchmark's; `other` is always looked into."""
_FEWEST_ROWS: Final = 3
_FEWEST_SHARE: Final = 0.05
_FEWEST_TURNS: Final = 3
"""A phrase recurs in at least so many rows, at least this share of the rows read, and on so many turns (all, if fewer):
what the judge says of one turn again and again is about the turn."""
_LONGEST: Final = 5
_SHOWN: Final = 5
_SAME_ROWS: Final = 0.8
"""A phrase within a longer one is dropped if the longer one has this share of its rows."""
_SAME_THING: Final = 0.5
"""A phrase that shares a word and this share of its rows with one chosen before is about the same thing."""
_READ: Final = 2_000
"""How many characters of a reasoning are read."""
_QUOTED: Final = re.compile(r"\"[^\"\n]{0,300}\"|“[^”\n]{0,300}”|(?<!\w)'[^'\n]{1,200}'(?!\w)|`[^`\n]{0,200}`")
_WORD: Final = re.compile(r"[^\W_]+(?:['’_-][^\W_]+)*|[.,;:!?()\[\]\n/|]")
_NO_ENDS: Final = stop_words() | set(
    "about above after again also although am among and because before being between both could did does doing down "
    "during each few further had having here hers him himself however if into itself just more most much must now off "
    "once only other others our ours out over own same several some still such than that's them themselves then these "
    "those though through thus too under until up upon us very via were where whether while whom whose why within yet "
    "it's is was be been am are isn't here's there's one's".split()
)
"""No phrase begins or ends with these."""
_MEANINGFUL: Final = frozenset("no not never without nothing didn't doesn't don't can't wasn't aren't did does".split())
"""Stop words that a phrase may begin with."""
_JUDGES: Final = frozenset(
    "agent agent's ai answer answers ask asked asking asks assistant assistant's bot caller caller's chatbot conversation customer customer's "
    "dimension evaluation fail failed failing fails failure false judge judgment model model's output pass passed rating "
    "reply request requested requests response responses row score scored scores true turn turn's user user's users".split()
)
"""What judges speak of anyway: a phrase needs another word beside these."""


def keep_complaints(kept: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failed rows in which phrases are looked for: of each benchmark and error mode up to `MOST_READ`.

    `kept` are those of earlier batches; `failures` has the columns of `schema.COMPLAINTS`. Which rows are drawn does not
    depend on the batches.
    """
    explained = failures.loc[failures["judge_reasoning"].str.strip().ne(""), list(schema.COMPLAINTS)]
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
    return schema.conform(frame.astype({name: "str" for name in kinds}).astype(kinds), schema.RECURRING)


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

    def within(self, other: _Phrase) -> bool:
        """Whether a longer phrase contains this one and has nearly all of its rows."""
        fits = len(self.words) < len(other.words) and f" {self.text} " in f" {other.text} "
        return fits and len(other.rows) >= _SAME_ROWS * len(self.rows)

    def about_same(self, other: _Phrase) -> bool:
        """Whether this phrase shares a word and many rows with another."""
        return bool(self.content & other.content) and len(self.rows & other.rows) >= _SAME_THING * len(self.rows)


def _large_modes(failures: pd.DataFrame, benchmark: str) -> list[str]:
    sizes = failures.loc[failures["benchmark_name"].eq(benchmark), "error_mode"].astype("str").value_counts()
    large = [
        mode
        for mode, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
        if mode != schema.OTHER and (size >= _LARGE or size >= _LARGE_SHARE * sizes.sum())
    ]
    return [schema.OTHER, *large]


def _of_benchmark(rows: pd.DataFrame, modes: Sequence[str], dimensions: set[str]) -> Iterator[tuple[str, int, _Phrase]]:
    """Yield the phrases of each mode, with the number of its rows that were read."""
    rows = rows.reset_index(drop=True)
    of_mode = rows["error_mode"].astype("str")
    grams, texts = _grams(rows["judge_reasoning"].tolist())
    spread = grams.assign(mode=of_mode.loc[grams["row"]].to_numpy(), turn=rows["turn"].loc[grams["row"]].to_numpy())
    overall = spread["gram"].value_counts()
    for mode in modes:
        read, turns = int(of_mode.eq(mode).sum()), rows.loc[of_mode.eq(mode), "turn"].nunique()
        within = spread[spread["mode"].eq(mode)]
        counts = within.groupby("gram").agg(rows=("row", "size"), turns=("turn", "nunique"))
        fewest = max(_FEWEST_ROWS, ceil(_FEWEST_SHARE * read))
        counts = counts[counts["rows"].ge(fewest) & counts["turns"].ge(min(_FEWEST_TURNS, turns))]
        members = within[within["gram"].isin(counts.index)].groupby("gram")["row"].agg(list)
        phrases = [
            _Phrase(
                texts[gram],
                frozenset(of_gram),
                rows["row_id"].iloc[min(of_gram)],
                len(of_gram) - read * overall[gram] / len(rows),
            )
            for gram, of_gram in members.items()
            if _is_telling(texts[gram], dimensions)
        ]
        yield from ((mode, read, phrase) for phrase in _choose(phrases))


def _choose(phrases: list[_Phrase]) -> list[_Phrase]:
    """Return the phrases to name, no two of which say about the same."""
    usual = [phrase for phrase in phrases if phrase.excess >= 0]
    whole = [phrase for phrase in usual if not any(phrase.within(other) for other in usual)]
    chosen: list[_Phrase] = []
    for phrase in sorted(whole, key=lambda each: (-each.excess, -len(each.rows), each.text)):
        if len(chosen) < _SHOWN and not any(phrase.about_same(other) for other in chosen):
            chosen.append(phrase)
    return chosen


def _is_telling(words: tuple[str, ...], dimensions: set[str]) -> bool:
    """Whether a phrase says something: no dimension's name, no stop word at its ends, a word that judges do not use."""
    if (
        words[-1] in _NO_ENDS
        or words[-1].endswith(("'s", "’s"))
        or (words[0] in _NO_ENDS and words[0] not in _MEANINGFUL)
    ):
        return False
    if all(word in _NO_ENDS or word in _JUDGES or word.isdigit() for word in words):
        return False
    text = " ".join(words)
    return not any(f" {text} " in f" {name} " for name in dimensions)


def _grams(texts: Sequence[str]) -> tuple[pd.DataFrame, Mapping[int, tuple[str, ...]]]:
    """Return the runs of two to five words that several texts have: one row per text (`row`) x run (`gram`).

    A run of words ends at a punctuation mark. Also returns the words of each run. A longer run is only looked for where
    both of the shorter runs in it are frequent (Agrawal and Srikant, 1994).
    """
    split = [_WORD.findall(_QUOTED.sub(" . ", text[:_READ].lower())) for text in texts]
    row = np.repeat(np.arange(len(split)), [len(words) for words in split])
    word, vocabulary = pd.factorize(np.array([word for words in split for word in words], dtype=object))
    spoken = np.array([text[0].isalnum() for text in vocabulary], dtype=bool)
    gram = np.where(spoken[word], word, -1) if len(word) else np.array([], dtype="int64")
    parts, known, first = [], dict[int, tuple[str, ...]](), 0
    for length in range(2, _LONGEST + 1):
        last = np.roll(gram, -1)  # the shorter run that begins one word later
        joined = (gram >= 0) & (last >= 0) & (row == np.roll(row, 1 - length))
        joined[len(joined) - length + 1 :] = False
        places = np.flatnonzero(joined)
        code, keys = pd.factorize(gram[places] * np.int64(len(vocabulary)) + word[places + length - 1])
        once = pd.DataFrame({"row": row[places], "gram": code}).drop_duplicates()
        frequent = np.bincount(once["gram"], minlength=len(keys)) >= _FEWEST_ROWS
        parts.append(once[frequent[once["gram"]]].assign(gram=lambda part, start=first: part["gram"] + start))
        at = dict(zip(code[::-1].tolist(), places[::-1].tolist(), strict=True))  # the first place of each
        known |= {
            first + each: tuple(vocabulary[word[at[each] : at[each] + length]])
            for each in np.flatnonzero(frequent).tolist()
        }
        gram = np.full(len(word), -1)
        gram[places] = np.where(frequent[code], code, -1)
        first += len(keys)
    return pd.concat(parts, ignore_index=True), known
