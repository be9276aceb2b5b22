"""The edges of the process and the house: pipes, full disks, signals, links, other machines' settings."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from builders import failing, row, write_comparison, write_run

from pipeline import analyze
from pipeline.errors import OutputError, PipelineError, UsageError
from pipeline.export.guards import uninterrupted

SAMPLE = Path(__file__).parent.parent / "data_samples" / "comparisons" / "clinic_three_models"
COMMAND = [sys.executable, "-m", "pipeline"]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "in" / "bench" / "run_a", [failing(0), row(1, {"a": True})])


def bytes_of(folder):
    """Give the files of an analysis folder that must not differ between machines."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.name not in ("local.json", "inputs.d")}


# --- What the process imports and prints ---------------------------------------------------------------------

IMPORTED = "import sys; from pipeline.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (["--help"], {"pandas", "pyarrow", "numpy", "msgspec", "tabulate"}),
    ],
)
def test_the_command_imports_no_more_than_it_needs(arguments, without, tmp_path):
    words = [sys.executable, "-c", IMPORTED, *arguments]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not without & set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["analyze", "--comparison-dir", str(SAMPLE)], 0),
        (["analyze", "--comparison-dir", str(SAMPLE), "--json"], 0),
        (["check", "--comparison-dir", "nowhere", "--json"], 2),
        (["--help"], 0),
    ],
)
def test_a_reader_that_has_gone_is_no_fault_of_ours(arguments, code, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    words = [*COMMAND, *arguments]
    done = subprocess.run(words, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_a_full_disk_behind_stdout_is_said_without_a_traceback(run, tmp_path):
    with Path("/dev/full").open("w") as full:
        words = [*COMMAND, "check", "--run-dir", str(run)]
        done = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_streams_that_are_closed_take_nothing(run, tmp_path):
    line = f'exec "{sys.executable}" -m pipeline analyze --run-dir "{run}" >&- 2>&-'
    assert subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "results" / "bench" / "analysis.json").exists()


def test_the_bare_command_shows_its_help(cli):
    done = cli()
    assert done.returncode == 2
    assert "Commands:\n  analyze" in done.stdout


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_bytes_do_not_depend_on_hashing_or_on_an_optional_package(seed, tmp_path):
    analyze(SAMPLE, output=tmp_path / "here")
    hide = "import sys; sys.modules['wcwidth'] = None; from pipeline.cli.main import run; sys.exit(run(sys.argv[1:]))"
    words = [sys.executable, "-c", hide, "analyze", "--comparison-dir", str(SAMPLE), "--output", "there"]
    environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert bytes_of(tmp_path / "here") == bytes_of(tmp_path / "there")


# --- Moving in -----------------------------------------------------------------------------------------------


def _kill_inside(number, reached):
    with uninterrupted():
        os.kill(os.getpid(), number)
        reached.extend(range(1000))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_what_must_not_be_cut(number):
    pc.sum(pa.array(range(1_000_000)))  # Arrow's threads are there, and may be the ones that get the signal
    before = signal.signal(number, signal.default_int_handler)
    reached = []
    try:
        with pytest.raises(KeyboardInterrupt):
            _kill_inside(number, reached)
    finally:
        signal.signal(number, before)
    assert len(reached) == 1000


def test_a_refusal_half_way_puts_everything_back(run, tmp_path):
    out = tmp_path / "out"
    analyze(run_dir=run, output=out)
    (out / "tables" / "turns.parquet").unlink()
    for path in (out / "tables").iterdir():
        path.unlink()
    (out / "tables").rmdir()
    (out / "tables").touch()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_run(run, [failing(0), failing(1)])
    with pytest.raises(OutputError, match="tables"):
        analyze(run_dir=run, output=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_every_report_that_was_edited_is_kept(run, tmp_path):
    for number in range(3):
        analyze(run_dir=run, output=tmp_path / "out")
        for report in (tmp_path / "out").glob("*.md"):
            if "mine" not in report.read_text(encoding="utf-8"):
                report.write_text(f"mine {number}", encoding="utf-8")
    texts = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.md")}
    assert texts == {
        "deep_error_analysis.md": "mine 0",
        "deep_error_analysis.new.md": "mine 1",
        "deep_error_analysis.new2.md": "mine 2",
    }


def test_files_that_no_analysis_wrote_are_not_taken_for_ours(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rejected_rows.jsonl").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match=r"rejected_rows\.jsonl"):
        analyze(run_dir=run, output=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["rejected_rows.jsonl"]


def test_an_empty_output_is_refused(run, cli):
    with pytest.raises(UsageError, match="empty"):
        analyze(run_dir=run, output="")
    assert cli("analyze", "--run-dir", run, "--output", "").returncode == 2


# --- Finding and naming --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("run")
def test_a_comparison_reached_through_a_link_is_the_same_comparison(tmp_path):
    comparison = write_comparison(tmp_path / "deep" / "er" / "cmp", [{"run_dir": "../../../in/bench/run_a"}])
    (tmp_path / "link").symlink_to(comparison)
    analyze(comparison, output=tmp_path / "direct")
    analyze(tmp_path / "link", output=tmp_path / "linked")
    assert bytes_of(tmp_path / "direct") == bytes_of(tmp_path / "linked")


def test_spaces_around_cells_of_run_results_are_no_part_of_names(tmp_path):
    for name in "ab":
        write_run(tmp_path / "in" / "bench" / f"run_{name}", [failing(0)])
    comparison = tmp_path / "in" / "cmp"
    comparison.mkdir()
    text = "run_dir, model_name\n../bench/run_a, alpha\n../bench/run_b,alpha \n"
    (comparison / "run_results.csv").write_text(text, encoding="utf-8")
    assert analyze(comparison).models("bench") == ("alpha",)


@pytest.mark.parametrize("choice", [{"compare_by": "bogus"}, {"repeat_policy": "bogus"}])
def test_a_choice_that_does_not_exist_is_an_error_of_ours(run, choice):
    with pytest.raises(PipelineError, match="bogus"):
        analyze(run_dir=run, **choice)


def test_several_benchmarks_share_no_figure_and_no_heading(tmp_path):
    runs = [write_run(tmp_path / "in" / bench / "run", [failing(0), row(1, {"a": True})]) for bench in ("b1", "b2")]
    analysis = analyze(run_dir=runs, output=tmp_path / "out")
    assert "%" not in repr(analysis)
    assert "2/4" not in repr(analysis)
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text(encoding="utf-8")
    assert "### b1: " in report
    assert "### b2: " in report


def test_runs_compared_by_themselves_head_their_tables_as_runs(tmp_path):
    runs = [write_run(tmp_path / "in" / "bench" / name, [failing(0)]) for name in ("one", "two")]
    analyze(run_dir=runs, compare_by="run", output=tmp_path / "out")
    report = (tmp_path / "out" / "deep_error_analysis.md").read_text(encoding="utf-8")
    assert "## Failed dimensions by run" in report
    assert "by model" not in report


def test_thousands_of_bad_lines_are_all_put_aside(tmp_path):
    lines = [json.dumps(failing(0)), *(["{"] * 20_000)]
    folder = tmp_path / "in" / "bench" / "run_a"
    folder.mkdir(parents=True)
    (folder / "openai_judged.jsonl").write_text("\n".join(lines), encoding="utf-8")
    analysis = analyze(run_dir=folder, skip_bad_rows=True)
    assert len(analysis.rejected) == 20_000
    assert analysis.failed_rows == 1
