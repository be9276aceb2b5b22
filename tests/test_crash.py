"""The analysis folder under SIGKILL: whole before and after, at every step and at any instant.

`make crash` kills 1,000 processes at random instants; `make check` fewer.
"""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from builders import failing, row, write_run

from pipeline import analyze
from pipeline.errors import UsageError
from pipeline.export.reading import read_back
from pipeline.ledger.store import LEDGER, read_ledger
from pipeline.load.moving import MOVING
from pipeline.load.whole import listed_digests, make_whole

pytestmark = pytest.mark.crash

KILLED = Path(__file__).with_name("killed.py")
LOCAL = {"local.json", "inputs.d"}
ANN = ("--reviewer", "ann", "--reviewer-kind", "human", "--json")
DECISION = ("--bucket", "other", "--attribution", "model", "--note", "seen")


def killed(*arguments):
    """Run commands that are killed; return what they printed."""
    command = [sys.executable, str(KILLED), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def contents(folder):
    """Read every file that must be the same on every machine, without the ledger."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in {*LOCAL, LEDGER}}


def is_whole(folder):
    """Whether every file of a folder is the one that `analysis.json` was written with."""
    digests = listed_digests(folder)
    found = {name: sha256(text).hexdigest() for name, text in contents(folder).items() if name != "analysis.json"}
    return found == digests


@pytest.fixture
def stride(pytestconfig):
    """Kill at every step in `make crash`, at every third one in `make check`."""
    return 1 if pytestconfig.getoption("kills") >= 1000 else 3


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "bench" / "run_a", [failing(0), "no json", row(1)])


def steps_of(work):
    """List the folders that killed processes left, without that of the one that ran to its end."""
    places = sorted(work.iterdir(), key=lambda place: int(place.name))
    return places[:-1], places[-1]


# --- At every step -------------------------------------------------------------------------------------------


@pytest.fixture
def old(run, tmp_path):
    """Make an analysis with a review in `old/out`, and a change of its input that adds and removes files."""
    out = tmp_path / "old" / "out"
    analyze(run_dir=run, output=out / "first.md", skip_bad_rows=True)
    (out / LEDGER).write_bytes(b'{"event": "opened"')  # a torn line stays as it is
    write_run(run, [failing(0), failing(1), failing(2)])
    return out


@pytest.mark.parametrize("edited", [False, True])
def test_an_analysis_that_is_killed_at_any_step_leaves_the_old_one_or_the_new_one(run, old, tmp_path, stride, edited):
    if edited:
        (old / "deep_error_analysis.md").write_text("mine")
    before, ledger = contents(old), (old / LEDGER).stat()
    text = (old / LEDGER).read_bytes()
    killed("at_steps", stride, old.parent, tmp_path / "work", "analyze", "--run-dir", run, "--output", "@/out")
    places, last = steps_of(tmp_path / "work")
    after = contents(last / "out")
    assert after != before
    assert ("deep_error_analysis.new.md" in after) == edited
    seen = []
    for place in places:
        out = place / "out"
        assert (out / "analysis.json").exists()
        cut = (out / MOVING).exists()
        make_whole(out)
        assert contents(out) in (before, after)
        assert not (out / MOVING).exists()
        assert (out / LEDGER).read_bytes() == text
        assert (out / LEDGER).stat().st_mtime_ns == ledger.st_mtime_ns
        seen.append((cut, contents(out) == after))
    assert seen == sorted(seen, key=lambda each: each[1])  # the old one up to one step, the new one from it on
    assert seen.count((True, True)) > 15 // stride  # and most of the steps of moving in were finished
    assert (True, False) not in seen


def test_a_new_folder_is_whole_or_not_there_when_its_analysis_is_killed(run, tmp_path, stride):
    write_run(run, [failing(0)])
    (tmp_path / "nothing").mkdir()
    killed(
        "at_steps", stride, tmp_path / "nothing", tmp_path / "work", "analyze", "--run-dir", run, "--output", "@/out"
    )
    places, last = steps_of(tmp_path / "work")
    after = contents(last / "out")
    there = [place / "out" for place in places if (place / "out").exists()]
    assert all(contents(out) == after for out in there)
    assert len(there) < len(places)


def test_a_folder_that_held_a_ledger_alone_has_a_whole_analysis_or_none(run, tmp_path, stride):
    write_run(run, [failing(0)])
    (tmp_path / "ledger" / "out").mkdir(parents=True)
    (tmp_path / "ledger" / "out" / LEDGER).touch()
    killed("at_steps", stride, tmp_path / "ledger", tmp_path / "work", "analyze", "--run-dir", run, "--output", "@/out")
    places, last = steps_of(tmp_path / "work")
    after = contents(last / "out")
    for place in places:
        try:
            read_back(place / "out")
            assert contents(place / "out") == after
        except UsageError:
            assert contents(place / "out") == {}
    assert (place / "out" / "analysis.json").exists()


def test_a_decision_that_is_killed_at_any_step_is_there_whole_or_not_at_all(cli, run, tmp_path):
    write_run(run, [failing(0)])
    out = tmp_path / "old" / "out"
    analyze(run_dir=run, output=out)
    assert cli("review", "show", out, "run_a:0", *ANN).returncode == 0
    before = contents(out)
    said = killed("at_steps", 1, out.parent, tmp_path / "work", "review", "record", "@/out", "run_a:0", *DECISION, *ANN)
    places, last = steps_of(tmp_path / "work")
    assert len(places) > 3
    found = []
    for place in [*places, last]:
        assert contents(place / "out") == before
        found += [event.id for event in read_ledger(place / "out").events if event.id in said]
        assert len(read_ledger(place / "out").events) in (1, 2)
    acknowledged = re.findall(r'"id": "([^"]+)"', said)
    assert len(acknowledged) >= 1
    assert set(acknowledged) <= set(found)


# --- At any instant ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_commands_killed_at_random_lose_nothing_and_mix_nothing(cli, tmp_path, pytestconfig, seed):
    rows = [failing(turn, user_text="words and more words " * 40) for turn in range(60)]
    runs = [write_run(tmp_path / "in" / "bench" / name, rows) for name in ("run_a", "run_b")]
    out = tmp_path / "out"
    analyze(run_dir=runs, output=out)
    assert cli("review", "show", out, "run_a:0", *ANN).returncode == 0
    inputs = ("analyze", "--run-dir", *runs, "--output", out)
    commands = [
        inputs,
        (*inputs, "--compare-by", "run"),
        ("report", out),
        ("review", "record", out, "run_a:0", *DECISION, *ANN),
        ("review", "record", out, "run_a:0", *DECISION, *ANN),
    ]
    words = [str(word) for command in commands for word in (*command, "--")][:-1]
    opened = read_ledger(out).ids
    kills, acknowledged = pytestconfig.getoption("kills") // 2, set()
    for part in range(0, kills, 25):
        said = killed("at_random", min(25, kills - part), seed * 10_000 + part, *words)
        assert (out / "analysis.json").exists()
        make_whole(out)
        assert is_whole(out)
        read_back(out)
        acknowledged |= set(re.findall(r'"id": "([^"]+)"', said))
        assert opened | acknowledged <= read_ledger(out).ids
    assert acknowledged
