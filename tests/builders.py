"""Small inputs for tests: judged rows, run folders, comparison folders."""

import csv
import json
from pathlib import Path


def row(turn, scores=None, **extra):
    """Make one judged row that passes, unless `scores` says otherwise."""
    return {
        "turn": turn,
        "model_name": "model-a",
        "user_text": f"question {turn}",
        "assistant_text": f"answer {turn}",
        "judge_reasoning": f"reason {turn}",
        "scores": {"tool_use_correct": True} if scores is None else scores,
    } | extra


def failing(turn, **extra):
    """Make one judged row that fails."""
    return row(turn, {"tool_use_correct": False}, **extra)


def as_line(value):
    """Write a row as one line; text and bytes are taken as they are, so that a line can be broken."""
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case _:
            return json.dumps(value).encode()


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(as_line(value) + b"\n" for value in rows))
    return path


def write_run(folder, rows=(), judge="openai"):
    """Write a run folder and return it."""
    write_lines(Path(folder) / f"{judge}_judged.jsonl", rows)
    return Path(folder)


def write_transcript(run, rows):
    return write_lines(run / "transcript.jsonl", rows)


def write_summary(run, summary, judge="openai"):
    (run / f"{judge}_summary.json").write_bytes(as_line(summary))


def write_comparison(folder, runs):
    """Write a comparison folder; a run is its `run_dir`, or a dict with more cells."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [run if isinstance(run, dict) else {"run_dir": str(run)} for run in runs]
    names = list(dict.fromkeys(name for run in cells for name in run))
    with (folder / "run_results.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(cells)
    return folder


def listing(folder):
    """List everything below a folder with its size and time, folders too, to see that nothing changed."""
    return {
        str(entry.relative_to(folder)): (entry.lstat().st_size, entry.lstat().st_mtime_ns)
        for entry in sorted(folder.rglob("*"))
    }
