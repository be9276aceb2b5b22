"""Signs of a broken response that need no judge, in every row, and the failure rates with and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.stages.languages import UNKNOWN, languages

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE_TOKENS: Final = (
    r"(?i:\[/?INST\]|\[/(?:assistant|user|system)\])|<</?SYS>>|<\|[A-Za-z_]{2,24}\|>|<\x{FF5C}[^<>\n]{2,30}\x{FF5C}>|</?(?:start|end)_of_(?:turn|image)>"
    r"|<(?:bos|eos|pad|unk)>|</s>\s*(?:$|\[INST|<s>|\n)|^\s*<s>\s"
    r"|(?m:^### (?:Instruction|Response|Human|Assistant|User):)|^\s*(?:assistant|user|system)\s*\n"
)
"""What chat templates put around turns, and a role's name on a line of its own at the start."""
_LONG: Final = 200
"""Without a final punctuation mark a text of at least so many characters may be cut off."""
_TAIL: Final = 400
_SENTENCE: Final = r"\p{L}[.!?][\"”’')\]]?\s"
_OPEN_END: Final = r"(?:^|\n)[ \t]*\p{L}[^\n=<>{}|\\$_/@#*`]{58,}[\s,]\p{L}[\p{L}'’]*,?$"
"""A last line of sixty characters or more, no list item and no code, that ends in a word or a comma."""
_LATIN_END: Final = r"[\p{Latin}\p{Cyrillic}\p{Greek}],?$"
_SHORTEST: Final = 40
_DANGLING: Final = (
    r"[\p{L},] (?:and|or|because|the|an|of the|to the|and the|your|their|whose|than|und|oder|weil|dass|et|les|des|du"
    r"|los|las|del|y|porque|och|eller)$"
)
"""Words that end no sentence."""
_FENCE: Final = "```"
_SEGMENT_END: Final = r"[.!?\x{3002}\x{FF01}\x{FF1F}]+\s+|\s*\n\s*"
_SEGMENT: Final = 20
_REPEATS: Final = 3
_PROSE: Final = r"^[^{}=;|<>\\]*\p{L}\s+[^{}=;|<>\\]*\p{L}\s+[^{}=;|<>\\]*\p{L}\s+[^{}=;|<>\\]*\p{L}[^{}=;|<>\\]*$"
"""At least four words, and no code or table."""
_WORDS_ASKED: Final = 3
_WORDS_SAID: Final = 5
_NAMES_A_LANGUAGE: Final = (
    r"transl|tradu[cz]|übersetz|vertaal|vertal|перев[её]|翻译|翻譯|翻訳|번역|\blanguage|idioma|\blangue|sprache|язык"
    r"|\b(?:in|into|to|en|auf|em|på)\s+(?:\w+\s+)?(?:engl|ingl|angl|span|espa|fren|fran|germ|deut|alem|ital|port|dutch|neder"
    r"|swed|sven|dan|norw|finn|pol|czech|tur|rom|indones|malay|chin|mandarin|japan|kore|russ|ukrain|greek|arab|hebr|hind"
    r"|thai|latin)"
)
_FEWEST_ROWS: Final = 4
_FAR: Final = 4.0
"""A text is far longer (shorter) than usual with more (less) than so many times its turn's median (of it) ..."""
_AT_LEAST: Final = 100
"""... and at least so many characters more (less)."""
_EXAMPLES: Final = 5
_UNIT: Final = ["benchmark_name", "model_name"]


def sign_flags(turns: pd.DataFrame) -> pd.DataFrame:
    """Return what is kept of the response of every row: one row per row of `turns` (`schema.SIGN_FLAGS`), in order.

    `turns` has `response_kind`, `user_text` and `assistant_text`. Only responses of the kind `text` are checked.
    Whether the language is not the user's is missing where either is not clear, or where the user speaks of a language.
    """
    rows = np.flatnonzero(turns["response_kind"].eq("text"))
    said, asked = (_texts(turns[name].iloc[rows]) for name in ("assistant_text", "user_text"))
    differs, clear = _other_language(asked, said)
    of_rows = {
        "chat_template_tokens": _has(said, TEMPLATE_TOKENS) & ~_has(asked, TEMPLATE_TOKENS),
        "cut_off": _cut_off(said),
        "loop": _loops(said),
        "other_language": differs,
    }
    known = {name: clear if name == "other_language" else np.ones(len(rows), dtype=bool) for name in of_rows}
    length = np.zeros(len(turns), dtype="int32")
    length[rows] = pc.utf8_length(said)
    flags = {name: _at(rows, found, known[name], len(turns)) for name, found in of_rows.items()}
    return schema.conform(pd.DataFrame(flags | {"length": length}), schema.SIGN_FLAGS)


def _at(rows: np.ndarray, values: np.ndarray, known: np.ndarray, size: int) -> pd.arrays.BooleanArray:
    """Return values at the places `rows` where they are known, missing at all others."""
    every, missing = np.zeros(size, dtype=bool), np.ones(size, dtype=bool)
    every[rows], missing[rows] = values, ~known
    return pd.arrays.BooleanArray(every, missing)


def signs_table(turns: pd.DataFrame, flags: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x model x sign (`schema.SIGNS`): its judged rows, failed ones, and those without it.

    `turns` has `row_id`, `benchmark_name`, `model_name` (what is compared), `turn`, `judged` and `failed`, and the
    rows of `flags`. A row that was not checked for a sign counts neither with nor without it.
    """
    known = turns[[*_UNIT, "row_id", "turn", "judged", "failed"]].astype({"row_id": "str"})
    present = {**{name: flags[name] for name in schema.SIGNS_OF_TEXT}, **_lengths(known, flags)}
    counts = pd.concat(
        [_counts(known, present[sign], units).assign(sign=sign) for sign in schema.SIGN_NAMES], ignore_index=True
    )
    order = pd.CategoricalDtype(list(schema.SIGN_NAMES))
    return schema.conform(counts.astype({"sign": order}), schema.SIGNS)


def _counts(turns: pd.DataFrame, present: pd.Series, units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x model with rows that were checked for a sign."""
    rows = turns.assign(present=present)[turns["judged"] & present.notna()].astype({"present": "bool"})
    flags = {
        "rows": rows["present"],
        "failed_rows": rows["present"] & rows["failed"],
        "rows_without": ~rows["present"],
        "failed_without": ~rows["present"] & rows["failed"],
    }
    counts = rows[_UNIT].assign(**flags).groupby(_UNIT, observed=True)[list(flags)].sum().astype("int64")
    shown = rows[rows["present"]].sort_values("failed", ascending=False, kind="stable")
    examples = shown.groupby(_UNIT, observed=True)["row_id"].agg(lambda ids: list(ids[:_EXAMPLES])).astype("object")
    table = units[_UNIT].merge(counts.reset_index(), on=_UNIT, validate="one_to_one")
    named = [examples.get(key, []) for key in zip(table["benchmark_name"], table["model_name"], strict=True)]
    return table.assign(examples=pd.Series(named, table.index, dtype="object"))


def _lengths(turns: pd.DataFrame, flags: pd.DataFrame) -> Mapping[str, pd.Series]:
    """Return where a text is far longer and far shorter than usual, missing on turns with too few texts."""
    length = flags["length"].where(flags["cut_off"].notna()).astype("float64")
    of_turn = length.groupby([turns["benchmark_name"], turns["turn"]], observed=True)
    usual = of_turn.transform("median")
    known = length.notna() & of_turn.transform("count").ge(_FEWEST_ROWS)
    longer = length.gt(_FAR * usual) & length.ge(usual + _AT_LEAST)
    shorter = length.lt(usual / _FAR) & length.le(usual - _AT_LEAST)
    return {
        "far_longer": longer.astype("boolean").where(known),
        "far_shorter": shorter.astype("boolean").where(known),
    }


def _cut_off(texts: pa.Array) -> np.ndarray:
    """Whether texts stop before their end: after a word that ends no sentence, in a code block, or without a mark."""
    trimmed = pc.utf8_rtrim_whitespace(texts)
    cut: np.ndarray = np.asarray(pc.count_substring(trimmed, _FENCE)) % 2 == 1
    length = np.asarray(pc.utf8_length(trimmed))
    rows = np.flatnonzero(~cut & (length >= _SHORTEST) & _has(trimmed, _LATIN_END))
    tails = pc.utf8_slice_codeunits(trimmed.take(pa.array(rows)), -_TAIL)
    stops = (length[rows] >= _LONG) & _has(tails, _OPEN_END) & _has(tails, _SENTENCE)
    cut[rows] = stops | _has(tails, _DANGLING)
    return cut


def _loops(texts: pa.Array) -> np.ndarray:
    """Whether texts have the same sentence or line three times or more."""
    segments = pc.split_pattern_regex(texts, _SEGMENT_END)
    text, segment = np.asarray(pc.list_parent_indices(segments)), pc.list_flatten(segments)
    long = np.flatnonzero(np.asarray(pc.binary_length(segment)) >= _SEGMENT)
    codes = segment.take(pa.array(long)).dictionary_encode()
    of_text = text[long] * np.int64(len(codes.dictionary) + 1) + np.asarray(codes.indices)
    _, first, times = np.unique(of_text, return_index=True, return_counts=True)
    repeated = long[first[times >= _REPEATS]]
    prose = _has(segment.take(pa.array(repeated)), _PROSE)
    loops = np.zeros(len(texts), dtype=bool)
    loops[text[repeated[prose]]] = True
    return loops


def _other_language(asked: pa.Array, said: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return whether responses are in another language than the user's text, and where that is clear."""
    of_user, of_response = languages(asked, _WORDS_ASKED), languages(said, _WORDS_SAID)
    clear = (of_user != UNKNOWN) & (of_response != UNKNOWN)
    differs = clear & (of_user != of_response)
    rows = np.flatnonzero(differs)
    named = rows[_has(asked.take(pa.array(rows)), f"(?i){_NAMES_A_LANGUAGE}")]
    clear[named] = False
    return differs, clear


def _texts(column: pd.Series) -> pa.Array:
    texts = pa.array(column, pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _has(texts: pa.Array, pattern: str) -> np.ndarray:
    return np.asarray(pc.match_substring_regex(texts, pattern), dtype=bool)
