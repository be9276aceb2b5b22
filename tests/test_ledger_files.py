"""The ledger's files: shared by users of a group, without locks, beside things that are no files, and large."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from stat import S_IMODE

import pytest
from builders import failing, row, write_run
from test_ledger_merge import event

from pipeline.errors import InputError, OutputError
from pipeline.ledger.events import later_than, write_event
from pipeline.ledger.replay import replay
from pipeline.ledger.store import DAMAGED, LEDGER, TORN, parse, read_ledger, writing

GROUP, OTHER_GROUP, ANN, BOB = 64_001, 64_002, 64_011, 64_012
ME = ("--reviewer", "ann", "--reviewer-kind", "human")


def append(folder, name="ann"):
    with writing(folder) as writer:
        fields = {"row_id": "run_a:1", "evidence_digest": "d"}
        writer.append([write_event("opened", (name, "human"), later_than(writer.ledger.last), fields)])


def mode(path):
    return S_IMODE(path.stat().st_mode)


@pytest.fixture
def mask():
    """Set the umask for this test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


# --- Rights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0, 0o666)])
def test_files_are_made_with_the_rights_that_the_umask_leaves(tmp_path, mask, umask, expected):
    mask(umask)
    append(tmp_path)
    with (tmp_path / LEDGER).open("ab") as stream:
        stream.write(b"no event\nno end")
    with writing(tmp_path) as writer:
        writer.set_aside()
    assert [mode(tmp_path / name) for name in (LEDGER, DAMAGED, TORN)] == [expected] * 3


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o664, 0o666])
def test_a_repaired_ledger_keeps_its_mode_its_group_and_every_other_line(tmp_path, mask, rights):
    mask(0o027)
    append(tmp_path)
    path = tmp_path / LEDGER
    lines = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + lines + b"\n\r\n" + b"no event\n" + lines)
    path.chmod(rights)
    if os.geteuid() == 0:
        os.chown(path, ANN, GROUP)
    before = path.stat()
    (tmp_path / f".{LEDGER}.repaired").write_bytes(b"left by a killed repair")
    with writing(tmp_path) as writer:
        assert [number for number, _ in writer.set_aside()] == [4]
    after = path.stat()
    assert (after.st_mode, after.st_gid, after.st_uid) == (before.st_mode, before.st_gid, before.st_uid)
    assert path.read_bytes() == b"\xef\xbb\xbf" + lines + b"\n\r\n" + lines
    assert {each.name for each in tmp_path.iterdir()} == {LEDGER, DAMAGED}


def as_user(user, work, *arguments):
    """Work in a process of another user of the group, whose umask leaves the group its rights."""
    child = os.fork()
    if not child:
        try:
            os.setgroups([GROUP])
            os.setgid(user)
            os.setuid(user)
            os.umask(0o002)
            work(*arguments)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become two users")
@pytest.mark.parametrize("rights", [0o2775, 0o3775, 0o3777])
def test_two_users_of_a_group_review_into_one_ledger(rights):
    folder = Path(tempfile.mkdtemp())  # not below pytest's folder, into which no other user may look
    try:
        os.chown(folder, ANN, GROUP)
        folder.chmod(rights)

        def break_it():
            with writing(folder) as writer:
                writer.append_lines([b"no event\n", b"no end"])

        def repair():
            with writing(folder) as writer:
                writer.set_aside()

        assert as_user(ANN, append, folder, "ann") == 0
        assert as_user(BOB, append, folder, "bob") == 0
        if not rights & 0o1000:  # in a sticky folder nobody may replace a file of another user
            assert [as_user(ANN, break_it), as_user(BOB, repair), as_user(ANN, break_it)] == [0, 0, 0]
            assert [as_user(BOB, repair), as_user(ANN, append, folder, "ann")] == [0, 0]
            assert (folder / LEDGER).stat().st_gid == (folder / DAMAGED).stat().st_gid == GROUP
            assert mode(folder / LEDGER) == 0o664
        assert as_user(BOB, append, folder, "bob") == 0
        assert len(read_ledger(folder).given) == (4 if not rights & 0o1000 else 3)
    finally:
        shutil.rmtree(folder)


# --- Without locks -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_without_locks_the_message_says_so_and_reading_works(comparison, tmp_path, code):
    text = f"import errno, fcntl\ndef flock(*_):\n    raise OSError(errno.{code}, 'no')\nfcntl.flock = flock\n"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(text)

    def run(*arguments, locks=True):
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=tmp_path,
            env=os.environ | ({} if locks else {"PYTHONPATH": str(tmp_path / "site")}),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("analyze", "--comparison-dir", str(comparison), "--output", "out").returncode == 0
    assert run("review", "show", "out", "run_a:1", *ME).returncode == 0
    record = ("review", "record", "out", "run_a:1", "--bucket", "other", "--attribution", "model", *ME)
    assert run(*record).returncode == 0
    refused = run(*record, locks=False)
    assert refused.returncode == 2
    assert "has no file locks" in refused.stderr
    assert "local disk" in refused.stderr
    assert json.loads(run("review", "status", "out", *ME, "--json", locks=False).stdout)["decided"] == 1
    assert run("report", "out", locks=False).returncode == 0
    assert run("analyze", "--comparison-dir", str(comparison), "--output", "out", locks=False).returncode == 0
    for command in (("summary", "out"), ("report", "out", "--verify")):
        assert run(*command, locks=False).returncode == 0


# --- No regular files ----------------------------------------------------------------------------------------


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(here)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_folder(path):
    path.mkdir()


KINDS = pytest.mark.parametrize("make", [make_fifo, make_socket, make_device, make_folder])


@KINDS
def test_what_is_no_file_in_place_of_the_ledger_is_refused_at_once(tmp_path, make):
    make(tmp_path / LEDGER)
    with pytest.raises(InputError, match=r"reviews\.jsonl: not a regular file"):
        read_ledger(tmp_path)
    with pytest.raises(OutputError, match=r"reviews\.jsonl: not a regular file"):
        append(tmp_path)


@KINDS
@pytest.mark.parametrize("name", [TORN, DAMAGED])
def test_what_is_no_file_in_place_of_a_file_beside_the_ledger_is_refused_and_nothing_is_lost(tmp_path, make, name):
    append(tmp_path)
    with (tmp_path / LEDGER).open("ab") as stream:
        stream.write(b"no end" if name == TORN else b"no event\n")
    before = (tmp_path / LEDGER).read_bytes()
    make(tmp_path / name)
    with pytest.raises(OutputError, match="not a regular file"), writing(tmp_path) as writer:
        writer.set_aside()
    assert (tmp_path / LEDGER).read_bytes() == before


@KINDS
def test_the_commands_refuse_what_is_no_file(cli, comparison, tmp_path, make):
    assert cli("analyze", "--comparison-dir", comparison, "--output", "out").returncode == 0
    other = tmp_path / "other.jsonl"
    make(other)
    merging = ("merge", "out", other) if make is not make_folder else ("merge", "out", "out")
    (make_fifo if make is make_folder else make)(tmp_path / "out" / LEDGER)
    for command in (("status", "out"), merging, ("import", "out", other), ("repair", "out")):
        done = cli("review", *command, *ME)
        assert done.returncode == 2
        assert "not a regular file" in done.stderr


# --- Large ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 100_000])
def test_replay_is_linear_however_many_events_name_a_row(rows):
    def seconds(number):
        lines = [json.dumps(event(f"e{n}", n, row_id=f"r:{n % rows}")) for n in range(number)]
        seen = [
            json.dumps(event(f"o{n}", n, row_id=f"r:{n % rows}", reviewer=f"p{n}") | {"event": "opened"})
            for n in range(number)
        ]
        events = parse("".join(f"{line}\n" for line in lines + seen).encode()).events
        start = time.process_time()
        assert len(replay(events).events) == 2 * number
        return time.process_time() - start

    seconds(1000)
    few, many = min(seconds(5_000) for _ in range(3)), seconds(50_000)
    assert many < 40 * few + 0.5


# --- Names ---------------------------------------------------------------------------------------------------


def test_ids_that_the_locale_cannot_encode_can_be_named(tmp_path):
    run = write_run(tmp_path / "in" / "bench" / "rün_\u202e1", [row(0), failing(1)])

    def ascii_only(*arguments):
        settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *map(os.fsencode, arguments)],
            cwd=tmp_path,
            env=os.environ | settings,
            capture_output=True,
            check=False,
        )

    done = ascii_only("analyze", "--run-dir", run, "--output", "out")
    assert done.returncode == 0, done.stderr
    reviewer = ("--reviewer", "Jürgen", "--reviewer-kind", "human")
    for written in ("rün_\u202e1:1", r"r\u00fcn_\u202e1:1", r"rün_\u{202E}1:1", "rün:1"):
        done = ascii_only("review", "show", "out", written, *reviewer)
        assert done.returncode == 0, done.stderr
    note = ("--bucket", "other", "--attribution", "model", "--note", "größer")
    assert ascii_only("review", "record", "out", "rün:1", *note, *reviewer).returncode == 0
    last = json.loads((tmp_path / "out" / LEDGER).read_bytes().splitlines()[-1])
    assert (last["row_id"], last["note"], last["reviewer"]) == ("rün_\u202e1:1", "größer", "Jürgen")
