"""What is kept of the runs while the next ones are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import schema
from pipeline.stages import checks
from pipeline.stages.candidates import verdict_candidates
from pipeline.stages.recurring import keep_complaints
from pipeline.stages.signs import sign_flags
from pipeline.stages.tables import concat, text_sizes

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ledger.review import ReviewedRow
    from pipeline.load.facts import RunFacts
    from pipeline.load.records import Note, RejectedLine, RunInput


@dataclass(slots=True)
class Loaded:
    """What is kept of all runs: light parts of the frames, one per batch, and what was noted on the way.

    `failures`, `texts` and `sizes` have the failed rows of `turns` in the same order.
    """

    kept_texts: int | None
    """How many bytes the texts of failed rows may take to be kept; `None`: any number."""
    turns: list[pd.DataFrame] = field(default_factory=list)
    failures: list[pd.DataFrame] = field(default_factory=list)
    texts: list[pd.DataFrame] | None = field(default_factory=list)
    sizes: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    silent: list[pd.DataFrame] = field(default_factory=list)
    candidates: list[pd.DataFrame] = field(default_factory=list)
    signs: list[pd.DataFrame] = field(default_factory=list)
    """What is kept of the responses of all rows, in the order of `turns`."""
    complaints: pd.DataFrame = field(default_factory=lambda: concat([], schema.COMPLAINTS))
    """The failed rows in whose reasoning recurring phrases are looked for."""
    questions: checks.Questions = field(default_factory=checks.Questions)
    dimensions: dict[str, None] = field(default_factory=dict)
    reviewed: list[ReviewedRow] = field(default_factory=list)
    inputs: list[RunInput] = field(default_factory=list)
    facts: dict[str, RunFacts] = field(default_factory=dict)
    """What stands beside each run, by run id."""
    notes: list[Note] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    _size_of_texts: int = 0

    def add(self, turns: pd.DataFrame, scores: pd.DataFrame, reviewed: list[ReviewedRow]) -> None:
        """Keep what the counting needs of a batch."""
        failures = turns[turns["failed"]]
        self.turns.append(turns[list(schema.LIGHT_TURNS)])
        self.failures.append(failures[list(schema.FAILURES)])
        self.sizes.append(text_sizes(failures))
        self.scores.append(scores.reset_index(drop=True))  # the index is half of their size
        self.silent.append(checks.silent_rows(turns))
        self.candidates.append(verdict_candidates(turns))
        self.signs.append(sign_flags(turns))
        self.complaints = keep_complaints(self.complaints, failures)
        self.questions.add(turns)
        self.reviewed += reviewed
        if self.texts is not None:
            texts = failures[list(schema.FAILURE_TEXTS)]
            self.texts.append(texts)
            self._size_of_texts += int(self.sizes[-1].to_numpy().sum())
            if self.kept_texts is not None and self._size_of_texts > self.kept_texts:
                self.texts = None

    def united(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return turns, failures (under their index in turns) and scores of all batches, each in one piece.

        The parts are given up one table after the other, or everything would be in memory twice.
        """
        turns = concat(self.turns, schema.LIGHT_TURNS)
        self.turns.clear()
        failures = concat(self.failures, schema.FAILURES).set_axis(turns.index[turns["failed"]])
        self.failures.clear()
        scores = concat(self.scores, schema.LONG_SCORES)
        self.scores.clear()
        return turns, failures, scores

    def texts_of(self, failures: pd.DataFrame) -> pd.DataFrame | None:
        """Return the texts of all failed rows under their index, if they were kept."""
        return None if self.texts is None else concat(self.texts, schema.FAILURE_TEXTS).set_axis(failures.index)
