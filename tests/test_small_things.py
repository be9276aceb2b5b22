"""What a terminal shows at first: the version, whole help lines, short answers, and notes on where files went."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from importlib.metadata import version

import pytest
from builders import failing, write_run

COMMAND = [sys.executable, "-m", "pipeline"]
GROUPS = ((), ("review",), ("review", "bucket"), ("rules",), ("skill",))


def commands_of(helped):
    """Give the names of the commands that a help text lists."""
    return re.findall(r"^  ([a-z-]+)", helped.partition("Commands:")[2], re.MULTILINE)


def on_a_terminal(arguments):
    """Give what a command prints on a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([*COMMAND, *arguments], stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    printed = b""
    try:
        while part := os.read(master, 9999):
            printed += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(master)
    assert process.wait() == 0
    return printed.decode().replace("\r\n", "\n")


def test_version_is_that_of_the_package(process):
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"error-analysis {version('model-run-error-analysis')}\n",
        "",
    )


@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_no_line_of_help_is_cut_in_a_pipe_or_on_a_terminal(process, group):
    helped = process(*group, "--help").stdout
    assert on_a_terminal([*group, "--help"]) == helped
    texts = [helped, *(process(*group, name, "--help").stdout for name in commands_of(helped))]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("Usage:")]
    assert len(texts) > 1
    assert [line for line in lines if "..." in line.replace(" ...", "") or line.endswith("...") or len(line) > 80] == []


def test_analyze_prints_less_than_summary_and_names_it(process, comparison):
    analysed = process("analyze", "--comparison-dir", comparison, "--output", "out").stdout
    summary = process("summary", "out").stdout
    assert analysed != summary
    assert analysed.splitlines()[-1] == "More: error-analysis summary out"
    assert "Shared hard turns, hardest first: 1" in analysed
    assert "turn 1 (2/2, 2/2): " in summary
    assert "turn 1 (2/2, 2/2): " not in analysed
    for text in (analysed, summary):
        lines = [line for line in text.splitlines() if line]
        assert len(lines) == len(set(lines))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "bench" / "run_a", [failing(0)])


def test_a_report_beside_other_files_names_what_was_written_there(process, run, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "todo.txt").write_text("mine")
    for _ in range(2):  # the folder is an analysis folder the second time, and still holds other files
        done = process("analyze", "--run-dir", run, "--output", "notes/mine.md")
        assert done.returncode == 0
        assert "todo.txt" in done.stderr
        assert "--output DIR/" in done.stderr
        for name in ("mine.md", "mine.html", "analysis.json", "failure_review_rows.csv", "local.json", "tables/"):
            assert name in done.stderr
    assert (folder / "todo.txt").read_text() == "mine"


def test_nothing_is_said_of_a_folder_that_holds_the_analysis_alone(process, run, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".hidden").touch()
    for output in ("out/mine.md", "out/mine.md", "out/other.md"):
        assert process("analyze", "--run-dir", run, "--output", output).stderr == ""
        (folder / "reviews.jsonl").touch()
    (folder / "todo.txt").touch()
    assert process("analyze", "--run-dir", run, "--output", "out").stderr == ""


def test_json_stays_one_object(process, run, tmp_path):
    (tmp_path / "todo.txt").touch()
    done = process("analyze", "--run-dir", run, "--output", "mine.md", "--json")
    assert json.loads(done.stdout)["paths"]["report"].endswith("mine.md")
    assert "todo.txt" in done.stderr
