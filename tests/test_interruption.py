"""Ctrl-C and termination at any instant from the first import on: exit 130, no traceback, and nothing half written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import failing, row, write_run

SCRIPT = Path(sys.executable).with_name("error-analysis")
OURS = "pipeline.cli.interruption"
"""How the line of `-X importtime` ends that tells of the first module that the command imports."""


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "run_a", [row(0), failing(1), failing(2)])


def start(arguments, cwd):
    """Start the command so that it tells its imports on stderr; ours begin when this returns."""
    command = [sys.executable, "-X", "importtime", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.rstrip().endswith(OURS):
            break
    return process


def ended(process):
    """Wait for the end; give exit code, output, and what is on stderr beside the imports."""
    stdout, stderr = process.communicate(timeout=60)
    said = [line for line in stderr.splitlines() if "|" not in line]
    assert not [line for line in said if "Traceback" in line or "Exception" in line or "Error" in line], stderr
    return process.returncode, stdout, said


def is_interrupted(process, out):
    """Whether a process ended as interrupted; else it must have done everything that it had to do."""
    code, stdout, said = ended(process)
    if code == 0:
        assert stdout
        return False
    assert (code, said[-1:]) == (130, ["error: interrupted"])
    staged = [path.name for path in out.parent.iterdir() if path.name.startswith(".out")]
    assert staged == []
    return True


def kill_after_imports(process, count):
    """Send SIGINT when so many further modules have been imported; give whether there were that many."""
    for _ in range(count):
        if not process.stderr.readline():
            return False
    process.send_signal(signal.SIGINT)
    return True


@pytest.mark.parametrize("entry", [["-m", "pipeline"], [str(SCRIPT)]])
@pytest.mark.parametrize("count", [0, 3, 20, 60, 110])
def test_an_interruption_while_the_command_starts(run, tmp_path, entry, count):
    process = start([*entry, "analyze", "--run-dir", str(run), "--output", "out"], tmp_path)
    assert kill_after_imports(process, count)
    assert is_interrupted(process, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", [300, 450, 600, 750])
def test_an_interruption_while_pandas_and_numpy_are_imported(run, tmp_path, count):
    process = start(["-m", "pipeline", "analyze", "--run-dir", str(run), "--output", "out", "--json"], tmp_path)
    assert kill_after_imports(process, count)
    code, stdout, _ = ended(process)
    assert code == 130
    problems = [{"where": "", "what": "interrupted", "fix": ""}]
    assert json.loads(stdout) == {"error": {"exit_code": 130, "problems": problems}}


@pytest.mark.crash
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("entry", [["-m", "pipeline"], [str(SCRIPT)]])
def test_an_interruption_at_instants_spread_over_the_whole_run(run, tmp_path, entry, sent):
    arguments = [*entry, "analyze", "--run-dir", str(run), "--output", "out"]
    began = time.monotonic()
    assert ended(start(arguments, tmp_path))[0] == 0
    whole = time.monotonic() - began
    chance, interrupted = random.Random(7), 0  # noqa: S311 - nothing secret
    for number in range(20):
        process = start(arguments, tmp_path)
        time.sleep(whole * (number + chance.random()) / 22)
        process.send_signal(sent)
        interrupted += is_interrupted(process, tmp_path / "out")
        assert (tmp_path / "out" / "analysis.json").exists()
    assert interrupted > 10


LOST = """
import sys, time
from pipeline.cli.interruption import watched
import os, signal
class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(100000)]
def run():
    {body}
    return 0
sys.exit(watched(run, as_json=False))
"""


@pytest.mark.parametrize(
    "body",
    [
        "Fragile(); time.sleep(20)",  # Python cannot raise in a finaliser, it can only report
        "import interrupted_on_import; time.sleep(20)",
        "import swallows_everything; time.sleep(20)",
        "os.kill(os.getpid(), signal.SIGINT); time.sleep(20)",
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)",
    ],
)
def test_an_interruption_is_neither_lost_nor_turned_into_another_error(tmp_path, body):
    send = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.1)\n"
    (tmp_path / "interrupted_on_import.py").write_text(send, encoding="utf-8")
    swallow = f"try:\n    {send.replace(chr(10), chr(10) + '    ')}pass\nexcept BaseException:\n    pass\n"
    (tmp_path / "swallows_everything.py").write_text(swallow, encoding="utf-8")
    (tmp_path / "lost.py").write_text(LOST.format(body=body), encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "lost.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")
    assert time.monotonic() - began < 10


def test_a_second_interruption_does_not_cut_the_cleaning_up(tmp_path):
    body = """
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        print('cleaned')"""
    (tmp_path / "twice.py").write_text(LOST.format(body=body), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "twice.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned\n", "error: interrupted\n")


def test_the_help_takes_little_time(tmp_path):
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    after = os.times()
    assert done.returncode == 0
    used = after.children_user - before.children_user + after.children_system - before.children_system
    assert used < 0.6  # 0.3 s on an idle machine
