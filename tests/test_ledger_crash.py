"""The ledger under SIGKILL, full disks and several writers at once: nothing acknowledged is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.errors import InputError, OutputError
from pipeline.ledger.events import later_than, write_event
from pipeline.ledger.store import DAMAGED, LEDGER, TORN, parse, read_ledger, writing

pytestmark = pytest.mark.crash

ROW = "run_a:1"

PARENT, PWRITE = os.getpid(), os.pwrite


def append(folder, name="ann"):
    """Append one event; give its id."""
    with writing(folder) as writer:
        row = os.urandom(8).hex()
        fields = {"row_id": row, "evidence_digest": hashlib.sha256(row.encode()).hexdigest()}
        event = write_event("opened", (name, "human"), later_than(writer.ledger.last), fields)
        writer.append([event])
    return event["id"]


def events_in(folder):
    """Give the ids of the events as they lie in the ledger; every line must be whole, and all in order."""
    lines = parse((folder / LEDGER).read_bytes())
    assert not lines.bad
    for event in lines.events:
        assert event.evidence_digest == hashlib.sha256(event.row_id.encode()).hexdigest()
    assert all(early.at < late.at for early, late in pairwise(lines.events))
    return [event.id for event in lines.events]


# --- Processes of their own: this file run as a script -------------------------------------------------------


def acknowledged(what, folder):
    """Let writers append to ledgers, and give the ids of the events that they acknowledged."""
    command = [sys.executable, __file__, what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def append_and_say(folder):
    os.write(1, append(folder).encode() + b"\n")  # one short write to a pipe is whole or not there


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def start(work, *arguments):
    """Do some work in a process of its own."""
    if child := os.fork():
        return child
    try:
        work(*arguments)
        os._exit(0)
    except Exception:  # noqa: BLE001 - told, and then the process ends
        traceback.print_exc()
    finally:
        os._exit(1)


def fate(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def write_until_killed(folder, chance):
    """Append events; some writers die by their own hand in the middle of a write."""
    if chance.random() < 0.3:
        whole = iter(range(chance.randrange(4)))

        def tear(handle, data, place):
            if next(whole, None) is not None:
                return PWRITE(handle, data, place)
            PWRITE(handle, data[: chance.randrange(len(data))], place)
            return die()

        os.pwrite = tear
    while os.getppid() == PARENT:
        append_and_say(folder)


def read_until_killed(folder):
    """Read the ledger, which never goes back and never holds half an event."""
    known = set()
    while os.getppid() == PARENT:
        ids = read_ledger(folder).ids
        assert known <= ids
        known = ids


def size(path):
    return path.stat().st_size if path.exists() else 0


def storm(folder):
    """Kill six writers at random instants, and start others in their place, while one process reads."""
    deadline = time.monotonic() + 100
    chance = random.Random(4)  # noqa: S311 - nothing secret
    ledger, torn = folder / LEDGER, folder / TORN
    reader, writers, kills = start(read_until_killed, folder), [], 0
    try:
        while kills < 300 or size(ledger) < 60_000 or size(torn) < 2000:
            assert time.monotonic() < deadline, f"{kills} kills"
            while len(writers) < 6:
                chance.random()  # lest all writers draw alike
                writers.append(start(write_until_killed, folder, chance))
            before, patience = size(ledger), time.monotonic() + 0.2
            while size(ledger) == before and time.monotonic() < patience:
                time.sleep(0.0005)  # on a slow disk nobody would come to append anything
            time.sleep(chance.random() / 60)
            writer = writers.pop(chance.randrange(len(writers)))
            os.kill(writer, signal.SIGKILL)
            assert fate(writer) == -signal.SIGKILL
            kills += 1
    finally:
        for child in (reader, *writers):
            os.kill(child, signal.SIGKILL)
        fates = {fate(child) for child in (reader, *writers)}
    assert fates == {-signal.SIGKILL}


def every_step(folder, work=append_and_say):
    """Work on copies 0, 1, 2, ... of a ledger, killed at the first, second, third, ... step, until one lives on."""

    def work_until(step, copy):
        steps = iter(range(step))

        def count(_frame, what, _function):
            if what == "c_call" and next(steps, None) is None:
                die()

        os.pwrite = lambda handle, data, place: PWRITE(handle, data[: len(data) // 2 + 1], place)  # as a system may
        sys.setprofile(count)  # called before every call of a function in C, so before every system call
        work(copy)
        sys.setprofile(None)

    step, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        copy = folder / str(step)
        copy.mkdir()
        (copy / LEDGER).write_bytes((folder / LEDGER).read_bytes())
        status = fate(start(work_until, step, copy))
        step += 1
    assert status == 0


def repair_at_every_step(folder):
    every_step(folder, repair_and_append)


def repair_and_append(folder):
    with writing(folder) as writer:
        writer.set_aside()
    append_and_say(folder)


def repairs(folder):
    """Append from three writers, while two more damage the ledger and repair it."""

    def write():
        done = 0
        while done < 60 and os.getppid() == PARENT:
            try:
                append_and_say(folder)
                done += 1
            except InputError:
                time.sleep(0.001)

    def damage_and_repair():
        for _ in range(60):
            with writing(folder) as writer:
                writer.append_lines([b"no event\n"])
            with writing(folder) as writer:
                writer.set_aside()

    workers = [start(work) for work in (write, write, write, damage_and_repair, damage_and_repair)]
    assert [fate(worker) for worker in workers] == [0] * 5


# --- Killed --------------------------------------------------------------------------------------------------


def pieces_in(path):
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


@pytest.fixture
def torn(tmp_path):
    """Make a ledger of two events and the beginning of a third."""
    kept = [append(tmp_path), append(tmp_path)]
    with (tmp_path / LEDGER).open("ab") as stream:
        stream.write((tmp_path / LEDGER).read_bytes()[:150])
    return kept


def test_writers_killed_at_random_instants_lose_nothing_that_they_acknowledged(tmp_path):
    (tmp_path / LEDGER).touch()
    said = acknowledged("storm", tmp_path)
    later = [append(tmp_path) for _ in range(3)]  # new writers go on
    found = events_in(tmp_path)
    assert len(said) == len(set(said)) > 20
    assert len(found) == len(set(found))
    assert set(said) <= set(found)
    assert found[-3:] == later
    assert (tmp_path / LEDGER).read_bytes().endswith(b"\n")
    pieces = pieces_in(tmp_path / TORN)
    assert len(pieces) > 10  # writers did die in the middle of a write
    assert all(b'{"event":"opened"'.startswith(piece[:17]) for piece in pieces)
    assert not any(name.encode() in piece for piece in pieces for name in said)


@pytest.mark.parametrize("what", ["every_step", "repair_at_every_step"])
def test_a_writer_killed_at_any_step_leaves_a_ledger_that_the_next_one_can_use(tmp_path, torn, what):
    damage = b"no event\n" if what == "repair_at_every_step" else b""
    whole, end, tail = (tmp_path / LEDGER).read_bytes().rpartition(b"\n")
    (tmp_path / LEDGER).write_bytes(whole + end + damage + tail)
    said = acknowledged(what, tmp_path)
    copies = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(copies) > 60
    everywhere = []
    for copy in copies:
        with writing(copy) as writer:
            writer.set_aside()
        later = append(copy)
        found = events_in(copy)
        assert found[:2] == torn
        assert found[-1] == later
        assert len(found) in (3, 4)
        everywhere += found[2:-1]
        assert tail in pieces_in(copy / TORN)
        assert set(pieces_in(copy / DAMAGED)) == set(damage.splitlines())
    assert 1 <= len(said) <= len(everywhere) < len(copies)  # some died before their event was there, and some after
    assert all(everywhere.count(name) == 1 for name in said)


def test_the_next_writer_moves_a_torn_line_out_of_the_ledger(tmp_path, torn):
    whole, end, tail = (tmp_path / LEDGER).read_bytes().rpartition(b"\n")
    assert [event.id for event in read_ledger(tmp_path).events] == torn
    assert (tmp_path / LEDGER).read_bytes() == whole + end + tail  # readers change nothing
    with writing(tmp_path):
        assert (tmp_path / LEDGER).read_bytes() == whole + end
    assert (tmp_path / TORN).read_bytes() == tail + b"\n"
    append(tmp_path)
    assert (tmp_path / TORN).read_bytes() == tail + b"\n"


def test_a_reader_takes_no_half_of_a_torn_line_for_the_beginning_of_the_next(tmp_path, torn, monkeypatch):
    with (tmp_path / LEDGER).open("ab") as stream:
        stream.write(b"x" * 500)
    real, first = os.pread, iter([True])

    def slow(handle, count, place):
        """Read a part; before the rest is read, the torn line gives way to a new one."""
        if not next(first, False):
            return real(handle, count, place)
        part = real(handle, count - 550, place)
        append(tmp_path)
        return part

    monkeypatch.setattr(os, "pread", slow)
    seen = [event.id for event in read_ledger(tmp_path).events]
    assert seen == events_in(tmp_path)
    assert (seen[:2], len(seen)) == (torn, 3)


# --- Repaired ------------------------------------------------------------------------------------------------


def test_repairs_while_others_append_lose_nothing(tmp_path):
    said = acknowledged("repairs", tmp_path)
    assert sorted(events_in(tmp_path)) == sorted(said)
    assert len(set(said)) == len(said) == 180
    assert (tmp_path / DAMAGED).read_bytes() == b"no event\n" * 120
    assert {path.name for path in tmp_path.iterdir()} == {LEDGER, DAMAGED}


def test_a_damaged_ledger_is_refused_until_it_is_repaired(tmp_path):
    first = append(tmp_path)
    with writing(tmp_path) as writer:
        writer.append_lines([b"no event\n", b'{"event": "approved"}\n'])
    before = (tmp_path / LEDGER).read_bytes()
    with pytest.raises(InputError, match=r"reviews\.jsonl:2: not JSON.*\n.*reviews\.jsonl:3: .*newer version"):
        append(tmp_path)
    assert (tmp_path / LEDGER).read_bytes() == before
    with writing(tmp_path) as writer:
        assert [number for number, _ in writer.set_aside()] == [2, 3]
    assert events_in(tmp_path) == [first]
    assert pieces_in(tmp_path / DAMAGED) == [b"no event", b'{"event": "approved"}']
    assert [first, append(tmp_path)] == events_in(tmp_path)


# --- Refused by the file system ------------------------------------------------------------------------------


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_then_full():
    """Write half of what is asked, then find the disk full."""
    real, tries = os.pwrite, iter([True])
    return lambda handle, data, place: (
        real(handle, data[: len(data) // 2], place) if next(tries, False) else full(handle)
    )


@pytest.mark.parametrize(("call", "fault"), [("pwrite", full), ("pwrite", half_then_full()), ("fsync", full)])
def test_an_event_that_could_not_be_written_is_not_there(tmp_path, monkeypatch, call, fault):
    first = append(tmp_path)
    before = (tmp_path / LEDGER).read_bytes()
    monkeypatch.setattr(os, call, fault)
    with pytest.raises(OutputError, match=r"reviews\.jsonl: cannot be written: No space left"):
        append(tmp_path)
    assert (tmp_path / LEDGER).read_bytes() == before
    monkeypatch.undo()
    assert [first, append(tmp_path)] == events_in(tmp_path)
    assert not (tmp_path / TORN).exists()


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_file_that_may_not_grow_is_told_and_stays_as_it_was(tmp_path, room):
    first = append(tmp_path)
    before = (tmp_path / LEDGER).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))  # Python ignores the signal
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            append(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / LEDGER).read_bytes() == before
    assert [first, append(tmp_path)] == events_in(tmp_path)


def test_a_torn_line_stays_where_it_is_while_it_cannot_be_kept_elsewhere(tmp_path, torn, monkeypatch):
    before = (tmp_path / LEDGER).read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        append(tmp_path)
    assert (tmp_path / LEDGER).read_bytes() == before
    monkeypatch.undo()
    assert [*torn, append(tmp_path)] == events_in(tmp_path)


# --- The real command ----------------------------------------------------------------------------------------


def test_two_reviewers_at_a_time_lose_no_decision(process, comparison, tmp_path):
    out = tmp_path / "out"
    assert process("analyze", "--comparison-dir", comparison, "--output", out).returncode == 0

    def review(command, name, *arguments):
        who = ("--reviewer", name, "--reviewer-kind", "agent")
        return process("review", command, out, ROW, *arguments, *who, "--json")

    def decide(name, bucket):
        return review("record", name, "--bucket", bucket, "--attribution", "model", "--note", "x" * 5000)

    refused = decide("ann", "other")
    assert refused.returncode == 2
    assert "has not opened" in refused.stdout
    said = []
    with ThreadPoolExecutor(2) as both:
        shown = list(both.map(review, ["show"] * 2, ["ann", "bob"]))
        assert [done.returncode for done in shown] == [0, 0]
        for bucket in ("other", "empty_response", "other", "tool_selection_failure"):
            for done in both.map(decide, ["ann", "bob"], [bucket, "other"]):
                assert done.returncode == 0, done.stderr
                said.append(json.loads(done.stdout)["event"]["id"])
    ledger = read_ledger(out)
    assert len(ledger.opened[ROW]) == 2
    decided = [event.id for event in ledger.decisions[ROW]]
    assert len(decided) == len(said) == 8
    assert set(decided) == set(said)
    events = parse((out / LEDGER).read_bytes()).events
    assert all(early.at < late.at for early, late in pairwise(events))
    assert not (out / TORN).exists()
    status = process("review", "status", out, "--reviewer", "ann", "--reviewer-kind", "agent", "--json")
    assert json.loads(status.stdout)["disputed_rows"] == [ROW]


if __name__ == "__main__":
    {each.__name__: each for each in (storm, every_step, repair_at_every_step, repairs)}[sys.argv[1]](Path(sys.argv[2]))
