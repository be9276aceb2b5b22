"""Read the rule files that come with the package."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read_builtin(name: str) -> dict[str, Any]:
    """Return the contents of a TOML file in `builtin/`; callers share the dictionary and must not change it."""
    return tomllib.loads(builtin_bytes(name).decode())


def builtin_bytes(name: str) -> bytes:
    """Return the bytes of a file in `builtin/`."""
    return files(__package__).joinpath("builtin", name).read_bytes()
