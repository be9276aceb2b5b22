"""Time `error-analysis analyze` against the yardstick, side by side, and say which allowed figures are met.

Usage: `.venv/bin/python tests/benchmarks/run.py [--rows 1000 100000] [--pairs N]`. Exit status 1 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
TOOL = str(Path(sys.executable).with_name("error-analysis"))
PACKET = "failure_review_rows.jsonl"
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024
HELP_SECONDS = 0.25
HELP_RUNS = 11
MANY_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """The largest allowed ratios of the tool to the yardstick; None where none is promised."""

    time: float | None = None
    memory: float | None = None


ALLOWED = {1_000: Allowed(time=1.15), 100_000: Allowed(time=0.5, memory=0.5)}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one whole process took: wall seconds and peak resident megabytes."""

    seconds: float
    megabytes: float


def main() -> int:
    """Run every size and `--help`; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ALLOWED))
    parser.add_argument("--pairs", type=int, help="pairs per size; default 7, and 3 from 10,000 rows on")
    arguments = parser.parse_args()
    met = []
    for rows in arguments.rows:
        with TemporaryDirectory(prefix="benchmark-") as folder:
            met += compare(rows, arguments.pairs or (3 if rows >= MANY_ROWS else 7), Path(folder))
    met.append(time_help())
    return 0 if all(met) else 1


def compare(rows: int, pairs: int, folder: Path) -> list[bool]:
    """Measure one size in pairs after a warm-up each, print its figures, and tell which are met."""
    # Not in this process: on Linux a child's peak memory starts at its parent's, which thus has to stay small.
    measure([sys.executable, str(HERE / "generate.py"), str(rows), str(folder)])
    comparison, ours, theirs = (str(folder / name) for name in ("comparison", "tool", "yardstick"))
    tool = [TOOL, "analyze", "--comparison-dir", comparison, "--output", ours]
    yardstick = [sys.executable, str(HERE / "yardstick.py"), comparison, theirs]
    measure(tool)
    measure(yardstick)
    lines = [count_lines(Path(output, PACKET)) for output in (ours, theirs)]
    assert lines[0] == lines[1], f"packet lines: {lines[0]} of error-analysis, {lines[1]} of the yardstick"
    costs = [(measure(tool, ours), measure(yardstick, theirs)) for _ in range(pairs)]
    allowed = ALLOWED.get(rows, Allowed())
    print(f"{rows:,} rows, {lines[0]:,} failed, medians of {pairs} pairs")
    return [
        show("seconds", [(a.seconds, b.seconds) for a, b in costs], allowed.time),
        show("peak MB", [(a.megabytes, b.megabytes) for a, b in costs], allowed.memory),
    ]


def measure(command: list[str], output: str | None = None) -> Cost:
    """Run a command to its end, without the output folder of an earlier run, and return its cost."""
    if output is not None:
        shutil.rmtree(output)
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        complaints = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        failure = subprocess.CalledProcessError(child.returncode, command)
        failure.add_note(complaints.decode(errors="replace"))
        raise failure
    return Cost(seconds, usage.ru_maxrss * BYTES_OF_MAXRSS / 1e6)


def count_lines(path: Path) -> int:
    """Count the lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def show(figure: str, pairs: list[tuple[float, float]], allowed: float | None) -> bool:
    """Print one figure of the tool and the yardstick, and tell whether the median ratio is allowed."""
    ours, theirs = (median(values) for values in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    ratio = median(ratios)
    met = allowed is None or ratio <= allowed
    print(
        f"  {figure}: error-analysis {ours:.2f}, yardstick {theirs:.2f}, "
        f"ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {verdict(allowed, met=met)}"
    )
    return met


def time_help() -> bool:
    """Print the median time of `--help`, and tell whether it is allowed."""
    measure([TOOL, "--help"])
    seconds = median(measure([TOOL, "--help"]).seconds for _ in range(HELP_RUNS))
    met = seconds < HELP_SECONDS
    print(f"--help, median of {HELP_RUNS}\n  seconds: {seconds:.3f}, {verdict(HELP_SECONDS, met=met)}")
    return met


def verdict(allowed: float | None, *, met: bool) -> str:
    """Say what is allowed and whether it is met."""
    if allowed is None:
        return "no limit"
    return f"allowed {allowed:g}: {'met' if met else 'MISSED'}"


if __name__ == "__main__":
    raise SystemExit(main())
