"""The Make targets of comparison folders: made when something changed, else left alone."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
RESULT = "results/clinic_three_models/analysis.json"


@pytest.fixture
def make(tmp_path):
    """Run make in a copy of the checkout, with the virtual environment that runs the tests."""
    shutil.copytree(ROOT / "data_samples", tmp_path / "data_samples")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "installed").touch()
    touch_later(tmp_path / "installed")
    venv = Path(sys.executable).parent.parent

    def run(*words):
        done = subprocess.run([*run.command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder = tmp_path
    run.command = ["make", f"VENV={venv}", "RUNTIME=installed"]
    return run


def stamp(folder):
    return (folder / RESULT).stat().st_mtime_ns


def touch_later(path):
    later = path.stat().st_mtime + 3600
    os.utime(path, (later, later))


def test_an_analysis_is_made_once_and_again_when_a_run_file_changed(make):
    assert "clinic_three_models:" in make("analyze-clinic_three_models")
    first = stamp(make.folder)
    assert "Nothing to be done" in make("analyze-clinic_three_models")
    assert stamp(make.folder) == first
    run = make.folder / "data_samples/runs/clinic_desk_30/wren-large_20260303"
    for name in ("openai_judged.jsonl", "transcript.jsonl", "openai_summary.json"):
        before = stamp(make.folder)
        os.utime(run / name, ns=(before + 10**9, before + 10**9))
        time.sleep(max(0, (before + 10**9 - time.time_ns()) / 1e9))
        make("analyze-clinic_three_models")
        assert stamp(make.folder) != before, name


def test_analyze_all_makes_every_comparison_folder(make):
    make("analyze-all")
    assert sorted(path.parent.name for path in make.folder.glob("results/*/analysis.json")) == [
        "clinic_three_models",
        "library_repeats",
    ]


def test_comparison_folders_may_lie_elsewhere(make):
    elsewhere = make.folder / "elsewhere"
    shutil.copytree(make.folder / "data_samples", elsewhere)
    make(f"COMPARISONS={elsewhere}/comparisons", f"RESULTS={elsewhere}/out", "analyze-library_repeats")
    assert (elsewhere / "out/library_repeats/analysis.json").exists()
    again = make(f"COMPARISONS={elsewhere}/comparisons", f"RESULTS={elsewhere}/out", "analyze-library_repeats")
    assert "Nothing to be done" in again
    os.utime(elsewhere / "out/library_repeats/analysis.json", (2_000_000_000, 2_000_000_000))
    os.utime(elsewhere / "runs/library_desk_20/tern-1_run1/openai_judged.jsonl", (2_000_000_001, 2_000_000_001))
    again = make(f"COMPARISONS={elsewhere}/comparisons", f"RESULTS={elsewhere}/out", "analyze-library_repeats")
    assert "Nothing to be done" not in again


def test_any_folder_can_be_analysed(make):
    make("analyze", "DIR=data_samples/comparisons/library_repeats")
    assert (make.folder / "results/library_repeats/deep_error_analysis.md").exists()


def test_a_vanished_run_file_stops_no_other_target(make):
    make("analyze-all")
    (make.folder / "data_samples/runs/library_desk_20/tern-1_run1/transcript.jsonl").unlink()
    make("analyze-clinic_three_models")
    make("analyze-library_repeats")


def test_help_lists_the_tasks_and_the_comparisons(make):
    listed = make("help")
    for word in ("make demo", "make test", "make check", "make bench", "make analyze-clinic_three_models"):
        assert word in listed


def test_names_that_make_cannot_hold_break_no_other_target(make):
    comparisons = make.folder / "data_samples" / "comparisons"
    for name in ("a b", "x:y", "p%q", "q'r", "a&b", "all"):
        shutil.copytree(comparisons / "clinic_three_models", comparisons / name)
    listed = make("help")
    assert "analyze-clinic_three_models" in listed
    assert listed.count("make cannot hold") == 6
    make("analyze-library_repeats")
    make("analyze", "DIR=data_samples/comparisons/a b")
    assert (make.folder / "results" / "a b" / "analysis.json").exists()


def test_other_options_make_an_analysis_anew_once(make):
    target = "analyze-clinic_three_models"
    options = "OPTIONS=--exclude-dimension 'kb_grounding'"
    make(target)
    make(target, options)
    second = stamp(make.folder)
    assert "kb_grounding" not in json.loads((make.folder / RESULT).read_bytes())["included_dimensions"]
    assert "Nothing to be done" in make(target, options)
    assert stamp(make.folder) == second
    make(target)
    assert "kb_grounding" in json.loads((make.folder / RESULT).read_bytes())["included_dimensions"]
    assert "Nothing to be done" in make(target)


@pytest.mark.parametrize(
    "name", ["deep_error_analysis.md", "tables/turn_sets.parquet", "local.json", "inputs.d", "analysis.json"]
)
def test_a_deleted_output_is_made_anew(make, name):
    make("analyze-library_repeats")
    path = make.folder / "results/library_repeats" / name
    path.unlink()
    make("analyze-library_repeats")
    assert path.exists()
    assert "Nothing to be done" in make("analyze-library_repeats")


def test_analyze_all_goes_on_after_bad_folders_and_names_them_at_the_end(make):
    comparisons = make.folder / "data_samples" / "comparisons"
    for name in ("a_bad", "z_bad"):
        (comparisons / name).mkdir()
        (comparisons / name / "run_results.csv").write_text("run_dir\nno such run\n")
    done = subprocess.run([*make.command, "analyze-all"], cwd=make.folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    made = sorted(path.parent.name for path in make.folder.glob("results/*/analysis.json"))
    assert made == ["clinic_three_models", "library_repeats"]
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said[-1].split() == ["failed:", "a_bad", "z_bad"]
    shutil.rmtree(comparisons / "a_bad")
    shutil.rmtree(comparisons / "z_bad")
    assert "failed:" not in make("analyze-all")


@pytest.mark.parametrize("target", ["demo", "demo-review"])
def test_a_demo_prints_one_summary_and_no_error(make, target):
    done = subprocess.run([*make.command, target], cwd=make.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert not [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("error")]
    assert done.stdout.count("Benchmark clinic_desk_30") == 1
    assert ("Status: FINAL" in done.stdout) == (target == "demo-review")
