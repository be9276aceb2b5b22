"""Compare the cost of `error-analysis` with that of the obvious script, side by side, and print what is met.

Usage: `.venv/bin/python tests/benchmarks/run.py [--rows 1000 100000 1000000] [--pairs N]`. Exit status 1 if a figure
is missed. Costs are CPU seconds, user and system, of the whole process with its children, since wall time depends on
what else the machine does; and the largest resident memory of a process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
TOOL = str(Path(sys.executable).with_name("error-analysis"))
PACKET = "failure_review_rows.jsonl"
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024
HELP_SECONDS = 0.3
REVIEW_SECONDS = 0.4
REVIEWED_AT = 100_000
"""The review commands are measured on the analysis of this many rows, of which about 20,000 failed."""
RUNS = 11


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest ratios of the tool to the script, and the largest memory in megabytes; None where there is none."""

    cpu: float | None = None
    memory: float | None = None
    megabytes: float | None = None
    pairs: int = 3


LIMITS = {
    1_000: Limits(cpu=1.7, pairs=7),
    100_000: Limits(cpu=1.1, memory=0.3),
    1_000_000: Limits(cpu=1.1, megabytes=400, pairs=1),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took with its children: CPU seconds, and peak resident megabytes."""

    cpu: float
    megabytes: float


def main() -> int:
    """Measure every size, the review commands and `--help`; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(LIMITS))
    parser.add_argument("--pairs", type=int, help="pairs per size; by default fewer for more rows")
    arguments = parser.parse_args()
    met = [time_command("--help", [TOOL, "--help"], HELP_SECONDS)]
    for rows in arguments.rows:
        limits = LIMITS.get(rows, Limits())
        with TemporaryDirectory(prefix="benchmark-") as folder:
            met += compare(rows, limits, arguments.pairs or limits.pairs, Path(folder))
            if rows == REVIEWED_AT:
                met += time_review(Path(folder, "tool"))
    return 0 if all(met) else 1


def compare(rows: int, limits: Limits, pairs: int, folder: Path) -> list[bool]:
    """Measure one size in pairs, print its figures, and return which are met."""
    # Not in this process: on Linux a child's peak memory starts at its parent's, which thus has to stay small.
    measure([sys.executable, str(HERE / "generate.py"), str(rows), str(folder)])
    comparison, ours, theirs = (str(folder / name) for name in ("comparison", "tool", "yardstick"))
    tool = [TOOL, "analyze", "--comparison-dir", comparison, "--output", ours]
    yardstick = [sys.executable, str(HERE / "yardstick.py"), comparison, theirs]
    if pairs > 1:  # to warm up
        measure(tool)
        measure(yardstick)
    costs = [(measure(tool, ours), measure(yardstick, theirs)) for _ in range(pairs)]
    lines = [count_lines(Path(output, PACKET)) for output in (ours, theirs)]
    assert lines[0] == lines[1], f"packet lines: {lines[0]} of error-analysis, {lines[1]} of the yardstick"
    print(f"{rows:,} rows, {lines[0]:,} failed, medians of {pairs} {'pair' if pairs == 1 else 'pairs'}")
    return [
        show_ratio("CPU s", [(a.cpu, b.cpu) for a, b in costs], limits.cpu),
        show_ratio("peak MB", [(a.megabytes, b.megabytes) for a, b in costs], limits.memory),
        limits.megabytes is None or show("peak MB", max(a.megabytes for a, _ in costs), limits.megabytes),
    ]


def measure(command: list[str], output: str | None = None) -> Cost:
    """Run a command to its end, without the output folder of an earlier run, and return its cost."""
    if output is not None:
        shutil.rmtree(output, ignore_errors=True)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        complaints = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        failure = subprocess.CalledProcessError(child.returncode, command)
        failure.add_note(complaints.decode(errors="replace"))
        raise failure
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * BYTES_OF_MAXRSS / 1e6)


def count_lines(path: Path) -> int:
    """Return the number of lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def time_review(analysis: Path) -> list[bool]:
    """Measure `review record` and `review status` on an analysis."""
    who = ["--reviewer", "bench", "--reviewer-kind", "agent"]
    with (analysis / PACKET).open("rb") as packet:
        row_id = json.loads(packet.readline())["row_id"]
    measure([TOOL, "review", "show", str(analysis), row_id, *who])
    record = [TOOL, "review", "record", str(analysis), row_id, "--bucket", "other", "--attribution", "model", *who]
    status = [TOOL, "review", "status", str(analysis), *who]
    return [
        time_command("review record", record, REVIEW_SECONDS),
        time_command("review status", status, REVIEW_SECONDS),
    ]


def time_command(name: str, command: list[str], limit: float) -> bool:
    """Print the median CPU time of a command, and return whether it is met."""
    measure(command)
    seconds = median(measure(command).cpu for _ in range(RUNS))
    print(f"{name}, median of {RUNS}")
    return show("CPU s", seconds, limit)


def show(figure: str, value: float, limit: float) -> bool:
    """Print one figure, and return whether it is met."""
    met = value <= limit
    print(f"  {figure}: {value:.3g}, limit {limit:g}: {'met' if met else 'MISSED'}")
    return met


def show_ratio(figure: str, pairs: list[tuple[float, float]], limit: float | None) -> bool:
    """Print one figure of the tool and the script, and return whether the median ratio is met."""
    ours, theirs = (median(values) for values in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    ratio = median(ratios)
    met = limit is None or ratio <= limit
    verdict = "no limit" if limit is None else f"limit {limit:g}: {'met' if met else 'MISSED'}"
    print(
        f"  {figure}: error-analysis {ours:.2f}, script {theirs:.2f}, "
        f"ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {verdict}"
    )
    return met


if __name__ == "__main__":
    raise SystemExit(main())
