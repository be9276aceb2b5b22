"""Print constraints for pip: the lowest version of each dependency of pyproject.toml, else that of constraints.txt."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent


def pinned():
    """Return the exact version of every package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {name.lower(): version for name, _, version in (line.partition("==") for line in lines) if version}


def lowest():
    """Return the lowest version of every package that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    found = [re.fullmatch(r"([\w.-]+)>=([\d.]+)(?:,<\d+)?", text) for text in asked if "[" not in text]
    return {match[1].lower(): match[2] for match in found}


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted({**pinned(), **lowest()}.items()))
