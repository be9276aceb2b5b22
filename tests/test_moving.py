"""An analysis folder is one whole analysis: moved in, on any file system, shared, and never read when it is mixed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess

import pytest
from builders import failing, row, write_run

from pipeline import analyze
from pipeline.errors import InputError, OutputError
from pipeline.export.reading import read_back, request_of
from pipeline.load.moving import MOVING, Moves, finish_move, move_files
from pipeline.load.whole import make_whole
from pipeline.review.folder import open_folder


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "bench" / "run_a", [row(0), failing(1)])


@pytest.fixture
def out(run, tmp_path):
    """Make an analysis folder with an empty ledger in a folder of its own, so that what lies beside it is seen."""
    out = tmp_path / "results" / "out"
    analyze(run_dir=run, output=out)
    (out / "reviews.jsonl").touch()
    return out


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupted(out, run, monkeypatch, keep=()):
    """Analyse anew, but leave the move undone."""
    monkeypatch.setattr("pipeline.export.staging.move_files", lambda _: None)
    analyze(run_dir=run, output=out, **dict(keep))
    monkeypatch.undo()


# --- An interrupted move -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("summary",),
        ("review", "status", "--reviewer", "ann", "--reviewer-kind", "human"),
        ("review", "next", "--reviewer", "ann", "--reviewer-kind", "human"),
        ("report",),
        ("report", "--verify"),
        ("rules", "explain", "run_a:0"),
    ],
    ids=" ".join,
)
def test_every_command_first_finishes_an_interrupted_move(cli, run, out, monkeypatch, command):
    write_run(run, [failing(0), failing(1)])
    interrupted(out, run, monkeypatch)
    assert (out / MOVING / "analysis.json").exists()
    words = [*command, out] if command[0] != "rules" else ["rules", "explain", out, "run_a:0"]
    words = words if command[0] != "review" else [*command[:2], out, *command[2:]]
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    assert not (out / MOVING).exists()
    assert len(read_back(out).failures) == 2
    assert names_in(out.parent) == ["out"]


def test_a_report_that_was_edited_while_a_move_was_interrupted_is_kept(run, out, monkeypatch):
    interrupted(out, run, monkeypatch)
    (out / "deep_error_analysis.md").write_text("mine")
    finish_move(out)
    assert (out / "deep_error_analysis.md").read_text() == "mine"
    assert (out / "deep_error_analysis.new.md").exists()


def test_a_journal_that_somebody_tampered_with_moves_and_removes_nothing_else(out, tmp_path):
    (tmp_path / "precious.md").write_text("mine")
    staged = out / MOVING
    staged.mkdir()
    (staged / "reviews.jsonl").write_text("theirs")
    Moves(["reviews.jsonl", "../../x.md"], ["../../precious.md", "reviews.jsonl"], "report.md").write(staged)
    move_files(out)
    assert (out / "reviews.jsonl").read_text() == ""
    assert (tmp_path / "precious.md").exists()


@pytest.mark.parametrize("journal", ["", "{", "[]", '{"files": 7}'])
def test_a_damaged_journal_is_told_with_what_to_do(out, journal):
    (out / MOVING).mkdir()
    (out / MOVING / "moves.json").write_text(journal)
    with pytest.raises(InputError, match=r"not moved in completely.*remove .*moving-in and analyse again"):
        make_whole(out)


# --- A mixed folder ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["failure_review_rows.jsonl", "tables/turns.parquet", "tables/reviews.parquet"])
def test_a_folder_with_a_file_of_another_analysis_is_refused(run, out, tmp_path, name):
    write_run(run, [failing(0), failing(1)])
    analyze(run_dir=run, output=tmp_path / "other")
    shutil.copy(tmp_path / "other" / name, out / name)
    for reading in (read_back, make_whole, lambda path: open_folder(path, None)):
        with pytest.raises(InputError, match=rf"{name}: is not of the analysis .*error-analysis report"):
            reading(out)
    analyze(run_dir=run, output=out)
    make_whole(out)


def test_analysis_json_of_another_analysis_is_refused(run, out, tmp_path):
    write_run(run, [failing(0), failing(1)])
    analyze(run_dir=run, output=tmp_path / "other")
    shutil.copy(tmp_path / "other" / "analysis.json", out)
    with pytest.raises(InputError, match="is not of the analysis"):
        read_back(out)


def test_a_changed_csv_stops_no_review_but_does_not_verify(cli, out):
    with (out / "failure_review_rows.csv").open("a") as stream:
        stream.write("mine\n")
    read_back(out)
    done = cli("report", out, "--verify")
    assert done.returncode == 4
    assert "failure_review_rows.csv: is not the file that analysis.json was written with" in done.stderr
    (out / "failure_review_rows.csv").unlink()
    assert "failure_review_rows.csv: is missing" in cli("report", out, "--verify").stderr
    read_back(out)
    assert cli("report", out).returncode == 0
    assert cli("report", out, "--verify").returncode == 0


def test_a_folder_of_an_earlier_version_without_digests_can_be_read(out):
    values = json.loads((out / "analysis.json").read_bytes())
    del values["files"]
    (out / "analysis.json").write_text(json.dumps(values))
    assert read_back(out).name == "bench"


# --- Other file systems --------------------------------------------------------------------------------------


def test_a_folder_into_which_nothing_can_be_renamed_is_copied_into(run, out, monkeypatch):
    rename, replace = os.rename, os.replace

    def within(do):
        def checked(source, goal, **more):
            if os.fspath(goal).startswith(str(out)) and not os.fspath(source).startswith(f"{out}/"):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fspath(source), None, os.fspath(goal))
            return do(source, goal, **more)

        return checked

    monkeypatch.setattr(os, "rename", within(rename))
    monkeypatch.setattr(os, "replace", within(replace))
    write_run(run, [failing(0), failing(1)])
    analyze(run_dir=run, output=out)
    assert len(read_back(out).failures) == 2
    assert names_in(out.parent) == ["out"]
    assert not [name for name in names_in(out) if name.startswith(".")]


@pytest.fixture(params=["bind", "tmpfs"])
def mounted(request, tmp_path):
    """Mount a folder; only root can."""
    folder, elsewhere = tmp_path / "results" / "out", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    what = ["--bind", str(elsewhere)] if request.param == "bind" else ["-t", "tmpfs", "tmpfs"]
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount, *what, str(folder)]
    if os.geteuid() or not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run([umount, str(folder)], check=True)


def test_a_mounted_folder_is_analysed_into(cli, run, mounted):
    for rows in ([failing(0)], [failing(0), failing(1)]):
        write_run(run, rows)
        done = cli("analyze", "--run-dir", run, "--output", mounted)
        assert done.returncode == 0, done.stderr
        assert len(read_back(mounted).failures) == len(rows)
        assert names_in(mounted.parent) == ["out"]
        assert not [name for name in names_in(mounted) if name.startswith(".")]


def test_tables_on_another_file_system_are_copied_into(run, out, monkeypatch):
    write_run(run, [failing(0), failing(1)])
    replace = os.replace

    def checked(source, goal):
        if MOVING in os.fspath(source) and "tables" in os.fspath(goal):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(source, goal)

    monkeypatch.setattr(os, "replace", checked)
    analyze(run_dir=run, output=out)
    make_whole(out)
    assert not [name for name in names_in(out / "tables") if name.startswith(".")]


def test_what_cannot_be_replaced_is_told_before_anything_is(run, out, monkeypatch):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "replace", refuse)
    write_run(run, [failing(0), failing(1)])
    with pytest.raises(OutputError, match="not permitted"):
        analyze(run_dir=run, output=out)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert names_in(out.parent) == ["out"]


# --- Sharing -------------------------------------------------------------------------------------------------


def modes_in(folder):
    return {path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_new_files_and_folders_follow_the_umask(run, tmp_path, mask):
    before = os.umask(mask)
    try:
        analyze(run_dir=run, output=tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o777 & ~mask
    found = modes_in(tmp_path / "out")
    assert found.pop("tables") == 0o777 & ~mask
    assert set(found.values()) == {0o666 & ~mask}


def test_files_that_are_written_anew_keep_their_mode(run, out):
    for path in out.rglob("*.*"):
        path.chmod(0o640)
    before = modes_in(out)
    analyze(run_dir=run, output=out)
    assert modes_in(out) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give any group")
def test_files_that_are_written_anew_keep_their_group_and_new_ones_take_the_one_of_the_folder(run, out):
    os.chown(out, -1, 4242)
    out.chmod(0o2775)
    os.chown(out / "analysis.json", -1, 4243)
    (out / "failure_review_rows.csv").unlink()
    analyze(run_dir=run, output=out)
    assert (out / "analysis.json").stat().st_gid == 4243
    assert (out / "failure_review_rows.csv").stat().st_gid == 4242


# --- Pipes, devices and sockets ------------------------------------------------------------------------------

OURS = [
    "deep_error_analysis.md",
    "deep_error_analysis.html",
    "analysis.json",
    "local.json",
    "inputs.d",
    "failure_review_rows.jsonl",
    "failure_review_rows.csv",
    "tables/turns.parquet",
    "tables/scores.parquet",
    "tables/turn_sets.parquet",
]


def in_place_of(path, kind):
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", OURS)
def test_something_else_in_place_of_a_file_is_refused_and_never_waited_for(run, out, name, kind):
    in_place_of(out / name, kind)
    before = names_in(out)
    with pytest.raises(OutputError, match=f"{name}: not a regular file"):
        analyze(run_dir=run, output=out)
    assert names_in(out) == before
    if name.endswith((".jsonl", ".json", ".parquet")):
        with pytest.raises(InputError, match=f"{name}: not a regular file"):
            read_back(out)


@pytest.mark.parametrize("name", [name for name in OURS if name != "inputs.d"])
def test_verify_waits_for_no_pipe(cli, out, name):
    in_place_of(out / name, "pipe")
    done = cli("report", out, "--verify")
    assert done.returncode == 2
    assert f"{name}: not a regular file" in done.stderr


def test_request_of_waits_for_no_pipe(out):
    in_place_of(out / "local.json", "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        request_of(out)


def test_a_file_in_place_of_the_tables_is_refused(run, out):
    shutil.rmtree(out / "tables")
    (out / "tables").write_text("mine")
    with pytest.raises(OutputError, match="tables: not a folder"):
        analyze(run_dir=run, output=out)
    assert (out / "tables").read_text() == "mine"
