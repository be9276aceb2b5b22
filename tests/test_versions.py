"""The versions that pyproject.toml allows are those that are tested."""

import re
from pathlib import Path

from oldest import lowest, pinned

ROOT = Path(__file__).parent.parent


def as_numbers(version):
    return [int(part) for part in version.split(".")]


def test_every_dependency_has_a_lowest_and_an_exact_version_that_fits():
    exact = pinned()
    assert {name for name, version in lowest().items() if as_numbers(exact[name]) < as_numbers(version)} == set()


def test_forms_are_bounded_at_the_lowest_versions():
    # CVE-2026-54283: starlette before 1.3.1 ignores the limits of url-encoded forms.
    # CVE-2026-42561, CVE-2026-53539: python-multipart before 0.0.30 bounds neither headers nor parsing time.
    assert as_numbers(lowest()["starlette"]) >= [1, 3, 1]
    assert as_numbers(lowest()["python-multipart"]) >= [0, 0, 30]


def test_the_constraints_hold_exact_versions_and_no_addresses():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
