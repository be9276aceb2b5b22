"""Cut a judge's reasoning into clauses, and leave out those that tell what did not go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy as np

# A clause ends where a sentence does, at a line's end, at a semicolon, and at a word that turns the thought.
_CUT: Final = (
    r"(?i)[.!?]+[\"'”’)*]*\s+|\s*[\r\n]+\s*|\s*;\s+|\s+[–—]\s+|\s+--?\s+"
    r"|,?\s+(?:but|however|although|though|even though|yet|while|whereas|instead)[,\s]+"
)
# Nothing wrong here: a fault that is denied, or praise without a "not".
_DENIED: Final = (
    r"(?i)\b(?:no|not|never|without|nor|neither|nothing|did(?:n't|n’t)|does(?:n't|n’t)|is(?:n't|n’t)|was(?:n't|n’t))\s+"
    r"(?:\w+\s+){0,3}?(?:hallucinat|invent|fabricat|made up|ambigu|memory|contradict|forg[eo]t|repeat|re-?ask"
    r"|confus|problems?\b|issues?\b|errors?\b|violat|unreasonable|penali[sz])"
)
_PRAISE: Final = (
    r"(?i)\b(?:correctly|rightly|appropriate(?:ly)?|properly|accurate(?:ly)?|as (?:intended|expected|required)"
    r"|fine|acceptable|reasonable|good|clear|polite|helpful|passes|passed|credit)\b"
)
_BLAME: Final = (
    r"(?i)(?:\b(?:not|never|no|nor|without|neither|cannot|lacks?|missing|missed|omit\w*|fail\w*|wrong\w*|incorrect\w*"
    r"|inaccura\w*|inappropriate\w*|should have|should've|ought to|violat\w*|instead|only|rather than)\b|n['’]t\b)"
)


@dataclass(frozen=True, slots=True)
class Clauses:
    """Clauses of many texts in order: the words, and for each the position of the text it came from."""

    texts: pa.Array
    row: np.ndarray

    def of(self, rows: np.ndarray) -> Clauses:
        """Keep the clauses of the texts for which `rows` (a mask) is true."""
        keep = rows[self.row]
        return Clauses(self.texts.filter(pa.array(keep)), self.row[keep])


def blaming_clauses(reasoning: pa.Array) -> Clauses:
    """Cut each text into clauses and keep those that may state a failure."""
    parts = pc.split_pattern_regex(reasoning, _CUT)
    texts = pc.list_flatten(parts)
    praise = pc.and_not(pc.match_substring_regex(texts, _PRAISE), pc.match_substring_regex(texts, _BLAME))
    keep = pc.invert(pc.or_(pc.match_substring_regex(texts, _DENIED), praise))
    return Clauses(texts.filter(keep), pc.list_parent_indices(parts).to_numpy()[keep.to_numpy(zero_copy_only=False)])
