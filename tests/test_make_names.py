"""No name of a folder and no value that a caller gives to make breaks a target or runs a command."""

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipeline.export.make_rule import dependencies

ROOT = Path(__file__).parent.parent
few = settings(max_examples=8)  # each starts make several times
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("make"), reason="needs make")]

# Writes its arguments into a file, each ended by a NUL.
RECORDER = "#!/bin/sh\nprintf '%s\\0' \"$@\" >>called\n"
PIECES = [
    *";\n#$'\"`% :=&|()<>*?[]~!{}\\\t\r-+@,aé\u2028\x1b",
    "\udcff",  # a byte that is not UTF-8
    "touch pwned",
    "$(shell touch pwned)",
    "`touch pwned`",
    "$(touch pwned)",
    "\ntouch pwned\n",
    "\n\ttouch pwned\n",
    "';touch pwned;'",
]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
names = texts.filter(lambda name: "/" not in name and name not in (".", ".."))


@contextmanager
def checkout():
    """Make a folder with the Makefile, one plain comparison, and a command that only writes down how it was called."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / file, folder)
        binaries = folder / "venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "error-analysis").write_text(RECORDER, encoding="utf-8")
        (binaries / "error-analysis").chmod(0o755)
        (binaries / "python").symlink_to(sys.executable)
        (folder / "venv" / "pyvenv.cfg").touch()
        (folder / "installed").touch()
        add_comparison(folder / "data_samples" / "comparisons" / "plain")
        yield folder
        assert not list(folder.rglob("pwned")), "a command was run"


def add_comparison(folder):
    folder.mkdir(parents=True)
    (folder / "run_results.csv").touch()


def make(folder, *words):
    """Run make and return its result and what the command was given, call by call."""
    (folder / "called").unlink(missing_ok=True)
    command = ["make", "VENV=venv", "RUNTIME=installed", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=30)
    called = folder / "called"
    given_words = os.fsdecode(called.read_bytes()).split("\0") if called.exists() else []
    return done, given_words[:-1]


@few
@given(names)
@example("a'b c")
@example("a\nb;#")
@example("$(shell touch pwned)")
def test_any_folder_reaches_the_command_as_it_is_named(name):
    with checkout() as folder:
        done, words = make(folder, "analyze", f"DIR=./{name}")
        assert done.returncode == 0, done.stderr
        assert words == ["analyze", "--comparison-dir", f"./{name}"]


@few
@given(names)
def test_paths_in_options_reach_the_command_as_they_are_quoted(name):
    with checkout() as folder:
        done, words = make(folder, "analyze", "DIR=x", f"OPTIONS={shlex.join(['--runs-root', name])}")
        assert done.returncode == 0, done.stderr
        assert words == ["analyze", "--comparison-dir", "x", "--runs-root", name]


@few
@given(texts)
@example("'")
@example("; touch pwned")
def test_options_never_run_a_command(text):
    with checkout() as folder:
        for goal in (["analyze", "DIR=x"], ["analyze-plain"]):
            done, words = make(folder, *goal, f"OPTIONS={text}")
            assert (done.returncode, bool(words)) in ((0, True), (2, False))
            assert b"Traceback" not in done.stderr


@few
@given(names)
@example("evil\nplain")
@example("-x")
@example("a b")
def test_a_folder_of_any_name_breaks_no_target(name):
    assume(not name.startswith("."))  # hidden
    with checkout() as folder:
        add_comparison(folder / "data_samples" / "comparisons" / name)
        done, words = make(folder, "analyze-all")
        assert done.returncode == 0, done.stderr
        analysed = {words[at + 1] for at, word in enumerate(words) if word == "--comparison-dir"}
        left_out = done.stderr.count(b"left out, make cannot hold its name")
        plain = "data_samples/comparisons/plain"
        assert analysed in ({plain}, {plain, f"data_samples/comparisons/{name}"})
        assert left_out == 2 - len(analysed)
        assert make(folder, "help")[0].returncode == 0
        if "=" not in name:  # with one make takes it for a variable, and expands its name before it reads any file
            make(folder, f"analyze-{name}")


@few
@given(names, names)
@example("a b", "c#d")
@example("x;touch pwned", "y")
@example("a'b", "a\nb")
def test_comparisons_and_results_may_lie_in_folders_of_any_name(comparisons, results):
    with checkout() as folder:
        for name in {comparisons, results}:
            (folder / name).mkdir(exist_ok=True)
        add_comparison(folder / comparisons / "plain")
        given_folders = [f"COMPARISONS=./{comparisons}", f"RESULTS=./{results}"]
        for goal in ("analyze-plain", "analyze-all"):
            done, words = make(folder, goal, *given_folders)
            assert done.returncode == 0, done.stderr
            expected = ["--comparison-dir", f"./{comparisons}/plain", "--output", f"./{results}/plain"]
            assert words == ["analyze", *expected]
        assert make(folder, "help", *given_folders)[0].returncode == 0


@few
@given(names)
def test_clean_removes_the_results_and_nothing_else(name):
    assume(name not in ("venv", "kept"))
    with checkout() as folder:
        (folder / name).mkdir()
        (folder / "kept").touch()
        done, _ = make(folder, "clean", f"RESULTS=./{name}")
        assert done.returncode == 0, done.stderr
        assert {path.name for path in folder.iterdir()} == {
            *("Makefile", "pyproject.toml", "constraints.txt", "data_samples", "installed", "kept")
        }


@few
@given(names, st.sampled_from(["kept", "changed"]))
@example("a;touch pwned", "kept")
@example("a\n\ttouch pwned", "kept")
@example("a\rb", "kept")
def test_the_dependency_file_holds_runs_of_any_name(name, state):
    with checkout() as folder:
        judged = folder / "runs" / name / "openai_judged.jsonl"
        judged.parent.mkdir(parents=True)
        judged.touch()
        goal = folder / "results" / "plain" / "analysis.json"
        goal.parent.mkdir(parents=True)
        goal.touch()
        rule = dependencies(goal, [judged])
        (goal.parent / "inputs.d").write_bytes(rule.encode(errors="surrogateescape"))
        os.utime(folder / "data_samples" / "comparisons" / "plain" / "run_results.csv", (1000, 1000))
        os.utime(goal, (2000, 2000))
        os.utime(judged, (3000, 3000) if state == "changed" else (1000, 1000))
        done, words = make(folder, "analyze-plain", f"RESULTS={folder}/results")
        assert (done.returncode, done.stderr) == (0, b"")
        # An analysis is made too often where make cannot hold the name of an input, never too seldom.
        assert bool(words) == (state == "changed" or "cannot-hold" in rule)
        shutil.rmtree(judged.parent)
        assert make(folder, "analyze-plain", f"RESULTS={folder}/results")[0].returncode == 0


@few
@given(names)
def test_the_dependency_file_of_a_folder_of_any_name_is_a_makefile(name):
    with checkout() as folder:
        goal = folder / name / "analysis.json"
        (folder / "Makefile").write_text("all:\n-include deps\n", encoding="utf-8")
        (folder / "deps").write_bytes(dependencies(goal, [folder / "x"]).encode(errors="surrogateescape"))
        done, _ = make(folder, "all")
        assert (done.returncode, done.stderr) == (0, b"")
