"""The README's examples are run, and show what they print."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import analyze

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
SESSIONS = [text for kind, text in BLOCKS if kind == "console" and text.startswith("$ ")]
MAKES = [line for kind, text in BLOCKS if kind == "console" for line in text.splitlines() if line.startswith("make ")]
SNIPPETS = [text for kind, text in BLOCKS if kind == "python"]


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / "data_samples", tmp_path / "data_samples")
    return tmp_path


@pytest.mark.parametrize("session", SESSIONS)
def test_commands_print_what_the_readme_shows(session, checkout, monkeypatch):
    if "results/clinic_three_models" in session:
        analyse = ["analyze", "--comparison-dir", "data_samples/comparisons/clinic_three_models"]
        run([*analyse, "--output", "results/clinic_three_models"], checkout)
    for step in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        words = shlex.split(command)
        if words[0] == "export":
            for word in words[1:]:
                monkeypatch.setenv(*word.split("="))
            continue
        assert words[0] == "error-analysis"
        done = run(words[1:], checkout)
        parts = [re.escape(part.strip("\n")) for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
        assert re.fullmatch(r"(?s:.*)".join(parts), done.stdout.strip("\n")), done.stdout


def run(words, checkout):
    command = [sys.executable, "-m", "pipeline", *words]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("line", MAKES)
def test_a_make_line_names_a_target_that_exists(line, checkout):
    words = line.partition("#")[0].split()
    words = [
        word if word != "COMPARISONS=path/to/comparisons" else "COMPARISONS=data_samples/comparisons" for word in words
    ]
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, checkout)
    done = subprocess.run([*words, "--dry-run"], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_python_example_runs(snippet, checkout):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_repr_in_the_readme_is_the_real_one(checkout):
    shown = re.search(r"# (<Analysis .*>)", SNIPPETS[0])[1]
    assert repr(analyze(checkout / "data_samples/comparisons/clinic_three_models")) == shown


def test_every_option_of_analyze_is_in_the_readme():
    words = [sys.executable, "-m", "pipeline", "analyze", "--help"]
    helped = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^  (--[a-z-]+)", helped, re.MULTILINE)) - {"--help"}
    missing = {option for option in options if option not in (ROOT / "README.md").read_text(encoding="utf-8")}
    assert options
    assert not missing
