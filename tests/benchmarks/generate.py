"""Write a made-up comparison of ten models to measure with: rows of about 2 KB, about 20% failed."""

from __future__ import annotations

import argparse
import csv
import json
import re
from pathlib import Path
from random import Random
from typing import Any

BIRDS = ("auk", "crane", "dunlin", "egret", "finch", "heron", "ibis", "kite", "lark", "merlin")
MODELS = tuple(f"{bird}-voice-{number}" for number, bird in enumerate(BIRDS))
SEED = 20260301
LONGEST = 10_000
# Above 1 a model fails less often than the turn's difficulty says, below 1 more often.
SKILLS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.3, 1.5, 1.8)
# What the judge scores, how often it applies to a turn, and what a judge says when it fails.
DIMENSIONS = {
    "tool_use_correct": (0.8, ("the tool call was missing for", "called the tool twice with wrong arguments for")),
    "instruction_following": (1.0, ("the reply breaks the rule about", "only one of the two actions was done for")),
    "kb_grounding": (0.7, ("the stated fee is not in the knowledge base for", "it invented a policy on")),
    "ambiguity_handling": (0.2, ("it assumed one reading without asking about", "two possible matches stayed for")),
    "state_tracking": (0.5, ("it asked again for", "the earlier correction was ignored about")),
    "turn_taking": (0.9, ("the reply talks over", "the caller was left waiting after")),
}
PRAISE = ("Correctly settles", "A clear answer on", "Nothing to mark down about", "The slots agree with", "Polite on")
SENTINELS = ("[MODEL_ENDED_SESSION]", "[MODEL_ENDED_SESSION_EARLY]", "[EMPTY_RESPONSE]", "")
SYLLABLES = re.findall(r"\w+", "ba ce di fo gu ha ki lo me na o pe qua ri sto tu ve wen ya zhe ing tra ly mor ent")
FOREIGN = ("Zoë Šimůnková", "Łódź", "naïve café", "東京駅", "€ 12", "Привет", "👍")


class Writer:
    """Texts in a made-up language: a few words are common and most are rare, as in any language."""

    def __init__(self, random: Random) -> None:
        self.random = random
        words = ["".join(random.choices(SYLLABLES, k=random.choice((1, 2, 2, 3, 4)))) for _ in range(4000)]
        self._drawn_from = [word for rank, word in enumerate(words) for _ in range(1 + 4000 // (rank + 20))]

    def chance(self, share: float) -> bool:
        """Be true in this share of the calls."""
        return self.random.random() < share

    def words(self, fewest: int, most: int) -> str:
        """Write a number of words."""
        return " ".join(self.random.choices(self._drawn_from, k=self.random.randint(fewest, most)))

    def sentences(self, fewest: int, most: int) -> str:
        """Write a number of sentences, a few with a word outside ASCII."""
        text = " ".join(f"{self.words(5, 18).capitalize()}." for _ in range(self.random.randint(fewest, most)))
        return f"{text} {self.random.choice(FOREIGN)}!" if self.chance(0.05) else text


def main() -> None:
    """Read the arguments and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, help="judged rows in all, a multiple of ten")
    parser.add_argument("dir", type=Path, help="folder to write into")
    arguments = parser.parse_args()
    generate(arguments.rows, arguments.dir)


def generate(rows: int, folder: Path) -> None:
    """Write `comparison/run_results.csv` and its runs under `runs/bench/`: as many for each model, of equal length.

    A run has at most 10,000 turns; where there are more rows, the models are repeated.
    """
    writer = Writer(Random(SEED))
    of_model = rows // len(MODELS)
    repeats = -(-of_model // LONGEST)
    turns = [_turn(number, writer) for number in range(of_model // repeats)]
    listed = []
    for repeat in range(1, repeats + 1):
        for model, skill in zip(MODELS, SKILLS, strict=True):
            name = model if repeat == 1 else f"{model}_{repeat}"
            run = folder / "runs" / "bench" / name
            run.mkdir(parents=True, exist_ok=True)
            with (run / "openai_judged.jsonl").open("w", encoding="utf-8") as file:
                for turn in turns:
                    file.write(json.dumps(_row(model, skill, turn, writer), ensure_ascii=False) + "\n")
            listed.append((model, repeat, f"{model}_run{repeat}", f"../runs/bench/{name}", "bench"))
    comparison = folder / "comparison"
    comparison.mkdir(exist_ok=True)
    with (comparison / "run_results.csv").open("w", encoding="utf-8", newline="") as file:
        results = csv.writer(file)
        results.writerow(("model_name", "run_index", "run_id", "run_dir", "benchmark_name"))
        results.writerows(listed)


def _turn(number: int, writer: Writer) -> dict[str, Any]:
    """Make what all models share: the question, how hard it is, and the dimensions that apply."""
    random = writer.random
    return {
        "turn": number,
        "user_text": writer.sentences(1, 4),
        # Most turns are easy and some are hard for everyone; the mean is a little under the share of failed rows.
        "difficulty": random.betavariate(0.25, 1.0),
        "applies": [name for name, (share, _) in DIMENSIONS.items() if writer.chance(share)],
    }


def _row(model: str, skill: float, turn: dict[str, Any], writer: Writer) -> dict[str, Any]:
    """Make one judged row."""
    random = writer.random
    failed = []
    if writer.chance(turn["difficulty"] ** skill):
        failed = random.sample(turn["applies"], k=min(len(turn["applies"]), random.choice((1, 1, 1, 2, 2, 3))))
    silent = bool(failed) and writer.chance(0.08)
    tools = [writer.words(2, 2).replace(" ", "_") for _ in range(random.choice((0, 1, 1, 2, 3)))]
    tokens = {"input_tokens": random.randint(2000, 9000), "output_tokens": random.randint(20, 300)}
    return {
        "ts": f"2026-03-01T10:{turn['turn'] // 60 % 60:02}:{turn['turn'] % 60:02}.{random.randrange(1000):03}Z",
        "turn": turn["turn"],
        "model_name": model,
        "user_text": turn["user_text"],
        "assistant_text": random.choice(SENTINELS) if silent else writer.sentences(1, 10),
        "tool_calls": [{"name": name, "args": _arguments(writer)} for name in tools],
        "tool_results": [{"name": name, "response": _response(writer)} for name in tools],
        "tokens": tokens if writer.chance(0.95) else None,
        "ttfb_ms": random.randint(250, 1500) if writer.chance(0.95) else None,
        "latency_ms": random.randint(1200, 6000),
        "reconnection_count": int(writer.chance(0.01)),
        "scores": {name: name not in failed if name in turn["applies"] else None for name in DIMENSIONS},
        "judge_reasoning": _reasoning(failed, writer),
    }


def _arguments(writer: Writer) -> dict[str, Any]:
    random = writer.random
    return {"query": writer.words(2, 8), "date": f"2026-03-{random.randint(1, 31):02}", "party": random.randint(1, 9)}


def _response(writer: Writer) -> dict[str, Any]:
    """Make a tool's answer: a few records, as a search gives."""
    random = writer.random
    records = [
        {"id": f"R-{random.randrange(10**6):06}", "title": writer.words(2, 6), "price": random.randrange(9999) / 100}
        for _ in range(random.randint(0, 5))
    ]
    return {"status": "ok" if records else "not_found", "records": records, "note": writer.words(0, 14)}


def _reasoning(failed: list[str], writer: Writer) -> str:
    """Make a judge's explanation of 200 to 500 characters: what failed first, then other remarks."""
    random = writer.random
    parts = [f"{name}: {random.choice(DIMENSIONS[name][1])} {writer.words(4, 12)}." for name in failed]
    length = random.randint(200, 500)
    while sum(map(len, parts)) < length:
        parts.append(f"{random.choice(PRAISE)} {writer.words(4, 14)}.")
    return " ".join(parts)[:500]


if __name__ == "__main__":
    main()
