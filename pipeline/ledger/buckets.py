"""The buckets a row may be decided into: error modes, `no_model_error`, finer causes, and declared ones."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.ledger.codebook import ATTRIBUTIONS, FINER, MODES, NO_MODEL_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.ledger.events import BucketDeclared

PARENTS: Final = (*c.ERROR_MODES, NO_MODEL_ERROR)
_NEAR: Final = 0.5


class Buckets:
    """All known buckets, each with the bucket that it counts for (its parent)."""

    def __init__(self, declared: Iterable[BucketDeclared] = ()) -> None:
        """Take the codebook's buckets and those declared; of several of one name the first counts."""
        self._parents = {name: name for name in PARENTS} | {name: finer.parent for name, finer in FINER.items()}
        self._meanings = {name: mode.what_goes_wrong for name, mode in MODES.items()}
        self._meanings[NO_MODEL_ERROR] = "The model did nothing wrong here."
        self._meanings |= {name: finer.meaning for name, finer in FINER.items()}
        for event in declared:
            if event.bucket not in self._parents and event.parent in PARENTS:
                self._parents[event.bucket] = event.parent
                self._meanings[event.bucket] = event.description

    def __contains__(self, name: object) -> bool:
        return name in self._parents

    def __iter__(self) -> Iterator[str]:
        return iter(self._parents)

    def parent(self, name: str) -> str:
        """Return the bucket that a bucket counts for; an error mode counts for itself."""
        return self._parents.get(name, name)

    def meaning(self, name: str) -> str:
        """Return what belongs into a bucket, in plain words."""
        return self._meanings.get(name, "")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown word: the most similar known word, or all of them."""
    words = list(known)
    near = get_close_matches(word, words, n=1, cutoff=_NEAR)
    return f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(words)}"


def nearest_attribution(word: str) -> str:
    """Return a hint for an unknown attribution."""
    return nearest(word, ATTRIBUTIONS)
