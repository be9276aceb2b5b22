"""Fixtures and the Hypothesis profile that all tests share."""

import io
import os
import subprocess
import sys
from contextlib import chdir
from typing import NamedTuple

import pytest
from builders import failing, row, write_comparison, write_run
from hypothesis import settings

from pipeline.cli.main import run as run_command

settings.register_profile("tests", deadline=None, max_examples=60, derandomize="CI" in os.environ)
settings.register_profile("few", settings.get_profile("tests"), max_examples=10)
settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=20, help="how many processes tests/test_crash.py kills at random")


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(tmp_path):
    """Run the command in `tmp_path` and in this process, which is faster by the imports of a new one."""

    def run(*arguments, cwd=tmp_path):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = streams
        try:
            with chdir(cwd):
                code = run_command([os.fspath(argument) for argument in arguments])
        finally:
            sys.stdout, sys.stderr = before
        return Done(code, *(stream.buffer.getvalue().decode() for stream in streams if not stream.flush()))

    return run


@pytest.fixture
def process(tmp_path):
    """Run the command in `tmp_path` and in a process of its own; whatever it is given, it must not crash."""

    def run(*arguments, cwd=tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *map(os.fspath, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def comparison(tmp_path):
    """Two runs of two models, `in/bench/run_a` and `run_b`, three turns each, and `in/cmp` that lists them."""
    a = write_run(tmp_path / "in" / "bench" / "run_a", [row(0), failing(1), row(2)])
    b = write_run(
        tmp_path / "in" / "bench" / "run_b",
        [row(0, model_name="model-b"), failing(1, model_name="model-b"), failing(2, model_name="model-b")],
    )
    return write_comparison(tmp_path / "in" / "cmp", [a, b])
