"""Split judges' reasoning into sentences, and keep of each what complains.

Put aside is what the judge quotes, praises, denies ("no ambiguity here") or concedes at the start of a sentence, what
stands under a heading of its own such as "Strengths:" or "Expected:", and what is said of a dimension that did not
fail. What is left of a sentence is its *complaint*: the rules read it. A complaint that the judge calls minor, or a
consequence, weighs less than others, and what the judge calls the main point weighs more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rules.builtin_files import read_builtin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Names = tuple[str, ...]

_QUOTED: Final = re.compile(
    r"\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|«[^»\n]{1,400}»"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){2,300}'(?!\w)|(?<!\w)‘(?:[^‘’\n]|(?<=\w)’(?=\w)){2,300}’(?!\w)"  # noqa: RUF001 - quotation marks
)
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\b[Nn]o\.)(?<!\b[DM]r\.)(?<!\b\d\.)[\"”’'»)\]*_]*\s+|\s*\n\s*"
)
_CLAUSE_END: Final = re.compile(
    r";\s*|,?\s+[-–—]+\s+|—|:\s+|,?\s+(?=(?:but|however|although|though|whereas|while|yet|because|since|so|instead|"
    r"even though|even if|despite|except|which|and yet|therefore|thus)\b)|,\s+(?=(?:and|or|then|it|he|she|they|the)\b)",
    re.IGNORECASE,
)
_HEADING: Final = re.compile(
    r"[\s\W]*(?:\d{1,2}[.)]\s*)?[\s*_#`>|(\[]*(?P<name>[^\W\d_][\w/&'’. -]{1,44}?)[*_`\])]*\s*"
    r"(?:\((?P<aside>[^()]{1,20})\)\s*)?(?::|\s[-–—=|]+(?=\s)|=)[*_`\s]*(?P<rest>.*)",
    re.DOTALL,
)
_HEADED: Final = re.compile(r"[^:=|–—-]{2,60}(?::|\s[-–—|]|=)")
_PASSED: Final = re.compile(
    r"\W*(?:pass(?:ed|es)?|true|ok(?:ay)?|met|yes|fine|good|excellent|n/?a|not applicable|correct|satisfied|1)(?![\w-])"
    r"|\W*[✓✔✅]",
    re.IGNORECASE,
)
_FAILED: Final = re.compile(r"\W*(?:fail(?:ed|s|ure)?|false|no|not met|violated|0)(?![\w-])|\W*[✗✘❌]", re.IGNORECASE)
_STRUCTURED: Final = re.compile(r"\s*[{\[]\s*[\"{]")
_TAG: Final = re.compile(r"<(/?)([A-Za-z_]\w*)>")
_TOO_COMMON: Final = frozenset("correct use handling following taking turn the of and adherence completion".split())


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of several texts in order, the arrays with one entry per sentence."""

    row: np.ndarray
    """The index of the sentence's text."""
    text: list[str]
    """The sentence, verbatim."""
    complaint: pa.Array
    """What of it complains, quotations blanked out; empty where nothing does."""
    weight: np.ndarray
    """How much the complaint weighs; 0 where there is none."""
    blames: np.ndarray
    """Whether the complaint has a word of blame, such as "wrong" or "never"."""


def split_reasoning(texts: Sequence[str], failed: Sequence[Names], others: Sequence[Names]) -> Sentences:
    """Return the sentences of reasoning texts.

    `failed` and `others` name, per text, the dimensions that failed, and those that passed or do not apply. Of a text
    in which nothing complains, every sentence counts as a complaint.
    """
    row, text, masked, aside = [], [], [], []
    for number, reasoning in enumerate(texts):
        for sentence, blanked, put_aside in _sentences(reasoning, failed[number], others[number]):
            row.append(number)
            text.append(sentence)
            masked.append(blanked)
            aside.append(put_aside)
    rows = np.array(row, dtype=np.int64)
    complaints = _complaints(pa.array(masked, pa.large_string()), np.array(aside, dtype=bool))
    weight = _weights(complaints)
    silent = np.bincount(rows, weights=weight, minlength=len(texts)) == 0
    whole = silent[rows]
    if whole.any():
        complaints = pc.if_else(pa.array(whole), pa.array(masked, pa.large_string()), complaints)
        weight[whole] = 1.0
    return Sentences(rows, text, complaints, weight, _says(complaints, _scope()["aside"]["blame"]))


def _sentences(text: str, failed: Names, others: Names) -> Iterator[tuple[str, str, bool]]:
    """Yield each sentence verbatim, with what it quotes blanked out, and whether it stands in a passage put aside."""
    masked = _as_prose(text)
    masked = _QUOTED.sub(lambda quoted: '"' + " " * (len(quoted[0]) - 2) + '"', masked)
    start, passed, within_line = 0, False, False
    ends = [(end.start(), end.end()) for end in _SENTENCE_END.finditer(masked)]
    for stop, following in [*ends, (len(masked), len(masked))]:
        sentence = masked[start:stop]
        if _HEADED.match(sentence) and (outcome := _heading(sentence, failed, others)) is not None:
            passed, alone = outcome
            within_line = not alone
        if verbatim := text[start:stop].strip():
            yield verbatim, sentence.strip(), passed
        if passed and within_line and "\n" in masked[stop:following]:
            passed = False
        start = following


def _as_prose(text: str) -> str:
    """Return a text of the same length in which JSON and XML marks have become line breaks and spaces."""
    if _STRUCTURED.match(text):
        text = text.replace('\\"', "''").replace("\\n", " \n")
        text = re.sub(r'"\s*,|[{}\[\]]', lambda mark: "\n".rjust(len(mark[0])), text)
        text = re.sub(r'(?<=[\s:])"|"(?=\s*[:\n])|"\s*$', " ", text)
    if "</" in text:
        text = _TAG.sub(lambda tag: "\n" + (" " * len(tag[2]) + " \n" if tag[1] else tag[2] + ":"), text)
    return text


def _heading(sentence: str, failed: Names, others: Names) -> tuple[bool, bool] | None:
    """Return whether a heading opens a passage to put aside, and whether it stands alone; `None` if there is none."""
    match = _HEADING.match(sentence)
    if match is None:
        return None
    name, aside, rest = match["name"], match["aside"] or "", match["rest"]
    alone = not any(character.isalnum() for character in rest)
    if _FAILED.match(rest) or _FAILED.match(aside):
        return False, alone
    known = _outcome_of(name, failed, others)
    if known is None:
        known = bool(_PASSED.match(rest) or _PASSED.match(aside))
    return known, alone


@lru_cache(maxsize=1 << 14)
def _outcome_of(name: str, failed: Names, others: Names) -> bool | None:
    """Whether what a heading names did not fail; `None` where it names nothing known."""
    words = _content(name)
    for dimensions, outcome in ((failed, False), (others, True)):
        for dimension in dimensions:
            parts = _content(dimension)
            initials = "".join(part[0] for part in re.split(r"[\W_]+", dimension.lower()) if part)
            if words and (words <= parts or (parts and parts <= words) or words == {initials}):
                return outcome
    headings = _scope()["headings"]
    if re.search(headings["aside"], name, re.IGNORECASE):
        return True
    return False if re.search(headings["complaint"], name, re.IGNORECASE) else None


@lru_cache(maxsize=1 << 14)
def _content(name: str) -> frozenset[str]:
    return frozenset(part for part in re.split(r"[\W_]+", name.lower()) if part and part not in _TOO_COMMON)


def _complaints(sentences: pa.Array, aside: np.ndarray) -> pa.Array:
    """Return of each sentence the clauses that complain; those of a sentence put aside are none."""
    scope = _scope()["aside"]
    suspect = (
        _says(sentences, scope["denial"]) | _says(sentences, scope["praise"]) | _says(sentences, scope["conceded"])
    )
    suspect &= ~aside
    texts = sentences.to_pylist()
    pieces = [
        (place, clause) for place in np.flatnonzero(suspect).tolist() for clause in _CLAUSE_END.split(texts[place])
    ]
    clauses = pa.array([clause for _, clause in pieces], pa.large_string())
    dropped = _says(clauses, scope["denial"])
    dropped |= _says(clauses, scope["praise"]) & ~_says(clauses, scope["blame"])
    first = np.array([before is None or before != place for (place, _), before in _with_previous(pieces)], dtype=bool)
    last = np.append(first[1:], [True])
    dropped |= _says(clauses, scope["conceded"]) & first & ~last
    # "All three were made, so that is not the problem": what comes before is part of the denial.
    dropped[:-1] |= (_says(clauses, scope["therefore_no_fault"]) & ~first)[1:]
    kept: dict[int, list[str]] = {place: [] for place in np.flatnonzero(suspect).tolist()}
    for (place, clause), gone in zip(pieces, dropped.tolist(), strict=True):
        if not gone:
            kept[place].append(clause)
    for place, clauses_left in kept.items():
        texts[place] = ", ".join(clauses_left)
    for place in np.flatnonzero(aside).tolist():
        texts[place] = ""
    return pa.array(texts, pa.large_string())


def _with_previous(pieces: list[tuple[int, str]]) -> Iterator[tuple[tuple[int, str], int | None]]:
    """Yield each piece with the place of the one before it."""
    before = None
    for piece in pieces:
        yield piece, before
        before = piece[0]


def _weights(complaints: pa.Array) -> np.ndarray:
    """Return how much each complaint weighs, by what it says of itself."""
    weight = _says(complaints, r"\w").astype(float)
    for factor in _scope()["factor"]:
        weight *= np.where(_says(complaints, factor["pattern"]), factor["weight"], 1.0)
    return weight


def _says(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return per text whether it matches an RE2 expression, without regard to case."""
    return np.asarray(pc.match_substring_regex(texts, pattern, ignore_case=True), dtype=bool)


@cache
def _scope() -> dict[str, Any]:
    return read_builtin("scope.toml")
