"""The analysis folder: where it goes, what is refused, and that it is whole or not there, whatever happens."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import failing, listing, row, write_comparison, write_run

from pipeline import analyze
from pipeline.errors import OutputError

SAMPLES = Path(__file__).parents[1] / "data_samples" / "comparisons"
LOCAL = {"local.json", "inputs.d"}
TABLES = ("turns", "scores", "dimension_counts", "error_mode_counts", "turn_outcomes", "turn_sets")
FILES = {
    "deep_error_analysis.md",
    "failure_review_rows.jsonl",
    "failure_review_rows.csv",
    "analysis.json",
    *(f"tables/{name}.parquet" for name in TABLES),
    *LOCAL,
}


def files_of(folder):
    """Read all files below a folder: name -> bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same_everywhere(folder):
    """Read the files that must be the same on every machine."""
    return {name: text for name, text in files_of(folder).items() if name not in LOCAL}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def strict(text):
    def refuse(name):
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "bench" / "run_a", [row(0), failing(1)])


# --- Where it goes -------------------------------------------------------------------------------------------


def test_the_folder_is_named_after_the_comparison(cli, comparison, tmp_path):
    assert cli("analyze", "--comparison-dir", comparison).returncode == 0
    assert names_in(tmp_path / "results") == ["cmp"]
    assert files_of(tmp_path / "results" / "cmp").keys() >= FILES


def test_the_folder_is_named_after_the_benchmarks_of_run_folders(cli, tmp_path):
    runs = [write_run(tmp_path / "in" / name / f"run_{name}", [failing(0)]) for name in ("zeta", "alpha")]
    assert cli("analyze", "--run-dir", runs[0]).returncode == 0
    assert cli("analyze", "--run-dir", *runs).returncode == 0
    assert names_in(tmp_path / "results") == ["alpha+zeta", "zeta"]


def test_output_names_the_folder(run, tmp_path):
    analyze(run_dir=run, output=tmp_path / "some" / "where")
    assert files_of(tmp_path / "some" / "where").keys() >= FILES
    assert names_in(tmp_path / "some") == ["where"]


def test_output_names_the_report_when_it_ends_in_md(run, tmp_path):
    analyze(run_dir=run, output=tmp_path / "some" / "where" / "my report.md")
    found = set(files_of(tmp_path / "some" / "where"))
    assert {"my report.md", "analysis.json", "tables/turns.parquet"} <= found
    assert not [name for name in found if name.startswith("deep_error_analysis")]
    assert names_in(tmp_path / "some") == ["where"]


def test_the_input_is_left_as_it_was(comparison, tmp_path):
    before = listing(tmp_path / "in")
    analyze(comparison, output=tmp_path / "out")
    assert listing(tmp_path / "in") == before


# --- What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inside",
    ["in/cmp", "in/cmp/results", "in/cmp/report.md", "in/bench/run_a", "in/bench/run_b/x/y", "link/x"],
)
def test_a_folder_inside_an_input_folder_is_refused(comparison, tmp_path, inside):
    (tmp_path / "link").symlink_to(comparison)
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="input folder") as caught:
        analyze(comparison, output=tmp_path / inside)
    assert caught.value.exit_code == 2
    assert listing(tmp_path) == before


def test_a_folder_of_another_comparison_is_refused(run, tmp_path):
    other = write_run(tmp_path / "in" / "bench" / "run_z", [failing(0)])
    analyze(run_dir=other, output=tmp_path / "out")
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="another comparison") as caught:
        analyze(run_dir=run, output=tmp_path / "out")
    assert caught.value.exit_code == 2
    assert listing(tmp_path) == before
    analyze(run_dir=[run, other], output=tmp_path / "out")  # shares a run


def test_a_file_in_place_of_the_folder_is_refused(run, tmp_path):
    (tmp_path / "out").write_text("mine")
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        analyze(run_dir=run, output=tmp_path / "out")
    with pytest.raises(OutputError):
        analyze(run_dir=run, output=tmp_path / "out" / "below")
    assert listing(tmp_path) == before


def test_a_folder_in_place_of_a_file_is_refused_and_nothing_changes(run, tmp_path):
    (tmp_path / "out" / "failure_review_rows.csv").mkdir(parents=True)
    before = listing(tmp_path)
    with pytest.raises(OutputError):
        analyze(run_dir=run, output=tmp_path / "out")
    assert listing(tmp_path).keys() == before.keys()


def test_a_refusing_file_system_is_told_in_order(cli, run):
    done = cli("analyze", "--run-dir", run, "--output", "/proc/out")
    assert done.returncode == 2
    assert "/proc" in done.stderr
    assert done.stdout == ""


# --- The same bytes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ["clinic_three_models", "library_repeats"])
def test_the_same_input_gives_the_same_bytes_from_anywhere(cli, tmp_path, sample, monkeypatch):
    analyze(SAMPLES / sample, output=tmp_path / "first")
    first = same_everywhere(tmp_path / "first")
    analyze(SAMPLES / sample, output=tmp_path / "first")
    assert same_everywhere(tmp_path / "first") == first
    monkeypatch.chdir(SAMPLES)
    analyze(sample, output=tmp_path / "second")
    assert same_everywhere(tmp_path / "second") == first
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    done = cli("analyze", "--comparison-dir", SAMPLES / sample, "--output", "../third", cwd=elsewhere)
    assert done.returncode == 0
    assert same_everywhere(tmp_path / "else" / "third") == first


def test_copied_input_gives_the_same_bytes_and_no_path_of_this_machine(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLES.parent, copy)
    analyze(SAMPLES / "clinic_three_models", output=tmp_path / "a")
    analyze(copy / "comparisons" / "clinic_three_models", output=tmp_path / "b")
    assert same_everywhere(tmp_path / "a") == same_everywhere(tmp_path / "b")
    for name, text in same_everywhere(tmp_path / "a").items():
        assert str(SAMPLES.parents[1]).encode() not in text, name


# --- A second run in the same folder -------------------------------------------------------------------------


def test_a_report_edited_by_hand_is_kept_and_the_new_one_is_put_beside_it(cli, comparison, tmp_path):
    out = tmp_path / "out"
    analyze(comparison, output=out)
    generated = (out / "deep_error_analysis.md").read_bytes()
    edited = generated.replace(b"## Top line", b"## My line")
    (out / "deep_error_analysis.md").write_bytes(edited)
    done = cli("analyze", "--comparison-dir", comparison, "--output", out)
    assert done.returncode == 0
    assert "deep_error_analysis.new.md" in done.stderr
    assert "edited" in done.stderr
    assert (out / "deep_error_analysis.md").read_bytes() == edited
    assert (out / "deep_error_analysis.new.md").read_bytes() == generated
    analyze(comparison, output=out)
    assert (out / "deep_error_analysis.md").read_bytes() == edited
    (out / "deep_error_analysis.md").unlink()
    analyze(comparison, output=out)
    assert (out / "deep_error_analysis.md").read_bytes() == generated
    assert not (out / "deep_error_analysis.new.md").exists()


def test_an_edited_report_of_another_name_is_kept_too(comparison, tmp_path):
    analyze(comparison, output=tmp_path / "out" / "mine.md")
    (tmp_path / "out" / "mine.md").write_text("all mine")
    analyze(comparison, output=tmp_path / "out" / "mine.md")
    assert (tmp_path / "out" / "mine.md").read_text() == "all mine"
    assert (tmp_path / "out" / "mine.new.md").exists()
    analyze(comparison, output=tmp_path / "out" / "other.md")
    assert (tmp_path / "out" / "mine.md").read_text() == "all mine"


def test_outputs_that_this_run_does_not_make_are_removed_and_all_else_stays(tmp_path):
    run = write_run(tmp_path / "in" / "bench" / "run_a", [failing(0), "no json"])
    out = tmp_path / "out"
    analyze(run_dir=run, output=out / "first.md", skip_bad_rows=True)
    assert (out / "rejected_rows.jsonl").exists()
    foreign = {
        "reviews.jsonl": b'{"event": "opened"',
        "reviews.torn": b"x",
        "notes.txt": b"mine",
        "notes.md": b"mine",
        "tables/mine.parquet": b"mine",
        "sub/analysis.json": b"{}",
    }
    for name, text in foreign.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(text)
    times = {name: (out / name).stat().st_mtime_ns for name in foreign}
    write_run(run, [failing(0)])
    analyze(run_dir=run, output=out)
    found = files_of(out)
    assert "rejected_rows.jsonl" not in found
    assert "first.md" not in found
    assert {name: found[name] for name in foreign} == foreign
    assert {name: (out / name).stat().st_mtime_ns for name in foreign} == times
    assert found.keys() >= FILES


def test_a_list_of_outputs_that_somebody_tampered_with_removes_nothing_else(run, tmp_path):
    out = tmp_path / "out"
    analyze(run_dir=run, output=out)
    (tmp_path / "precious.md").write_text("mine")
    (out / "reviews.jsonl").write_text("mine")
    local = json.loads((out / "local.json").read_bytes())
    names = ["../precious.md", str(tmp_path / "precious.md"), "reviews.jsonl", "tables/../../precious.md", 7, ""]
    (out / "local.json").write_text(json.dumps(local | {"outputs": names}))
    analyze(run_dir=run, output=out)
    assert (tmp_path / "precious.md").exists()
    assert (out / "reviews.jsonl").read_text() == "mine"


# --- Cut off in the middle -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two runs of 12 MB each: an analysis takes long enough to be cut off."""
    folder = tmp_path_factory.mktemp("large")
    for name in ("run_a", "run_b"):
        rows = [failing(turn, user_text="words and more words " * 100) for turn in range(5000)]
        write_run(folder / "bench" / name, rows)
    return [folder / "bench" / "run_a", folder / "bench" / "run_b"]


def start(large, output):
    """Start an analysis in a process of its own, and wait until it has begun to write."""
    command = [sys.executable, "-m", "pipeline", "analyze", "--run-dir", *map(str, large), "--output", str(output)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not staging_of(output):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


def staging_of(output):
    """List what lies beside the output folder and came with it."""
    beside = output.parent.iterdir() if output.parent.exists() else ()
    return [path for path in beside if path != output and output.name in path.name]


@pytest.mark.parametrize("name", ["out", "o [1] *?"])
def test_a_killed_analysis_leaves_nothing_but_staging_that_the_next_one_removes(large, run, tmp_path, name):
    out = tmp_path / "results" / name
    process = start(large, out)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(staging_of(out)) == 1
    analyze(run_dir=run, output=out)
    assert names_in(tmp_path / "results") == [name]
    assert files_of(out).keys() >= FILES


def test_a_killed_analysis_leaves_the_old_folder_whole(large, tmp_path):
    out = tmp_path / "results" / "out"
    analyze(run_dir=write_run(tmp_path / "bench" / "run_a", [failing(0)]), output=out)
    before = listing(out)
    process = start(large, out)
    process.kill()
    process.communicate()
    assert listing(out) == before
    assert names_in(tmp_path / "results") == sorted(["out", *(path.name for path in staging_of(out))])
    analyze(run_dir=tmp_path / "bench" / "run_a", output=out)
    assert names_in(tmp_path / "results") == ["out"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_an_interrupted_analysis_leaves_nothing_and_says_so(large, tmp_path, sent, delay):
    out = tmp_path / "results" / "out"
    process = start(large, out)
    time.sleep(delay)
    if process.poll() is not None:
        pytest.skip("the analysis was faster")
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)
    if process.returncode == 0:
        assert files_of(out).keys() >= FILES  # it came while the files were moved in
        return
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert b"Exception" not in stderr
    assert b"interrupted" in stderr
    assert stdout == b""
    assert list(tmp_path.iterdir()) == []


INTERRUPTED_IN_EXEC = """
import os, signal, sys
from pipeline.cli.interruption import watched
def run():
    try:
        exec(f"import os; os.kill(os.getpid(), {int(signal.SIGINT)}); [None for _ in range(1000)]")
    except KeyboardInterrupt:
        return 130
sys.exit(watched(run, as_json=False))
"""


def test_an_interruption_while_python_makes_a_class_has_its_exit_code_too(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IN_EXEC, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False)
    assert done.returncode == 130


@pytest.mark.slow
def test_two_analyses_into_one_folder_at_a_time_leave_one_whole_folder(large, tmp_path):
    out = tmp_path / "results" / "out"
    processes = [start(large, out), start(large, out)]
    for process in processes:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert names_in(tmp_path / "results") == ["out"]
    assert files_of(out).keys() >= FILES


# --- No space ------------------------------------------------------------------------------------------------


def analyze_with_little_space(run, output, limit):
    """Run the command where no file may grow beyond `limit` bytes."""

    def little_space():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "pipeline", "analyze", "--run-dir", run, "--output", output],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=little_space,
    )


@pytest.mark.parametrize("limit", [0, 900, 4000, 12000])
def test_without_space_the_old_folder_stays_and_nothing_else_is_left(tmp_path, limit):
    rows = [failing(turn, assistant_text=f"{turn} " * 100) for turn in range(40)]
    run = write_run(tmp_path / "in" / "bench" / "run_a", rows)
    analyze(run_dir=run, output=tmp_path / "old")
    assert max(map(len, files_of(tmp_path / "old").values())) > 12000
    before = listing(tmp_path)
    for output in (tmp_path / "new" / "deep" / "out", tmp_path / "old"):
        done = analyze_with_little_space(run, output, limit)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert str(output) in done.stderr
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert listing(tmp_path).keys() == before.keys()
    assert {name: size for name, (size, _) in listing(tmp_path).items()} == {
        name: size for name, (size, _) in before.items()
    }


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 64 kB; only root can."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run([umount, str(folder)], check=True)


def test_a_full_disk_is_told_in_order_and_nothing_is_left(cli, tmp_path, small_disk):
    rows = [failing(turn, assistant_text=os.urandom(2000).hex()) for turn in range(60)]
    run = write_run(tmp_path / "in" / "bench" / "run_a", rows)
    done = cli("analyze", "--run-dir", run, "--output", small_disk / "results" / "out")
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert list(small_disk.iterdir()) == []
    subprocess.run([shutil.which("mount"), "-o", "remount,ro", str(small_disk)], check=True)
    done = cli("analyze", "--run-dir", run, "--output", small_disk / "results" / "out")
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr


# --- Files for other programs --------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("mark", ["", " ", "#", "$", "a b # $c", "$(x)", "=", "%", "é", "'", "(", "&"])
def test_make_understands_the_dependency_file(tmp_path, monkeypatch, mark):
    folder = tmp_path / f"in{mark}x"
    runs = [write_run(folder / "bench" / f"run{mark}{name}", [failing(0)]) for name in "ab"]
    write_comparison(folder / "cmp", runs)
    monkeypatch.chdir(tmp_path)
    out = Path("results") / f"out{mark.replace('=', '')}x"  # make takes a goal with = for an assignment
    analyze(folder / "cmp", output=out)
    (tmp_path / "Makefile").write_text("all:\n%/analysis.json:\n\t@echo rebuild\n-include deps\n", encoding="utf-8")
    shutil.copy(out / "inputs.d", tmp_path / "deps")
    goal = out / "analysis.json"

    def make(*arguments):
        return subprocess.run(
            [shutil.which("make"), *arguments, str(goal)], capture_output=True, text=True, check=False, cwd=tmp_path
        )

    inputs = [folder / "cmp" / "run_results.csv", *(run / "openai_judged.jsonl" for run in runs)]
    for file in inputs:
        os.utime(file, (1000, 1000))
    os.utime(goal, (2000, 2000))
    fresh = make("-q")
    assert (fresh.returncode, fresh.stderr) == (0, "")
    for file in inputs:
        os.utime(file, (3000, 3000))
        assert make("-q").returncode == 1, f"{file} is no dependency"
        os.utime(file, (1000, 1000))
    page = out / "deep_error_analysis.html"
    page.rename(out / "elsewhere")
    assert make("-q").returncode == 1, "a lost output goes unnoticed"
    (out / "elsewhere").rename(page)
    assert make("-q").returncode == 0
    shutil.rmtree(runs[1])  # an input that has gone is no reason to fail
    assert "rebuild" in make().stdout


def test_every_json_output_is_strict(cli, tmp_path):
    nasty = (
        b'{"turn": %d, "latency_ms": NaN, "ttfb_ms": Infinity, "scores": {"a": false, "\\ud800": null}, '
        b'"user_text": "\\udfff\xe2\x80\xa8", "tool_calls": [NaN, -Infinity, 1e999]}'
    )
    run = write_run(tmp_path / "in" / "be\u2028nch" / "r\xe9", [nasty % 0, nasty % 1, b'{"turn": NaN}', b"\xff\xfe"])
    done = cli("analyze", "--run-dir", run, "--output", "out", "--skip-bad-rows", "--json")
    assert done.returncode == 0
    assert strict(done.stdout).keys() >= {"schema_version", "status", "benchmarks", "inputs", "notes", "paths"}
    seen = 0
    for name, text in files_of(tmp_path / "out").items():
        if name.endswith(".json"):
            strict(text.decode())
            seen += 1
        if name.endswith(".jsonl"):
            lines = text.decode().split("\n")
            assert lines.pop() == ""
            assert all(strict(line) for line in lines)
            seen += 1
    assert seen == 4  # the packet, the rejected rows, the numbers, and where things lie


def test_analysis_json_is_what_the_design_says(comparison, tmp_path):
    analyze(comparison, output=tmp_path / "out")
    found = strict((tmp_path / "out" / "analysis.json").read_bytes().decode())
    assert list(found) == [
        "schema_version",
        "status",
        "options",
        "included_dimensions",
        "rules_sha256",
        "inputs",
        "benchmarks",
        "review",
        "notes",
        "files",
    ]
    assert found["schema_version"] == 1
    whole = files_of(tmp_path / "out")
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in whole.items()}
    assert found["files"] == {name: digests[name] for name in digests.keys() - LOCAL - {"analysis.json"}}
    assert list(found["files"]) == sorted(found["files"])
    assert [list(run) for run in found["inputs"]] == [
        ["run_id", "model_name", "benchmark_name", "judged_file", "sha256", "rows"]
    ] * 2
    (benchmark,) = found["benchmarks"].values()
    assert list(benchmark) == ["models", "turns", "comparable", "failed_by_all", "unique_fail", "unique_pass"]
    for model in benchmark["models"].values():
        assert list(model) == [
            "runs",
            "rows_judged",
            "incomplete_rows",
            "failed_rows",
            "model_ended_session",
            "model_ended_session_early",
            "empty_response",
            "tentative",
            "failed_dimensions",
            "scored_dimensions",
            "error_modes",
            "buckets",
        ]
    assert list(found["review"]) == ["failed_rows", "decided", "disputed", "stale", "gate_missing", "findings"]
    assert found["review"]["failed_rows"] == 3


def test_without_a_failed_row_the_status_is_final(tmp_path):
    run = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), row(1)])
    assert analyze(run_dir=run, output=tmp_path / "out").status == "final"
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text()
    assert "**Status: FINAL (0 of 0 failed rows reviewed)**" in report
