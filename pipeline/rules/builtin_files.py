"""The package's own rule files."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read_builtin(name: str) -> dict[str, Any]:
    """Return the contents of a TOML file of the package. The values are shared: change nothing in them."""
    return tomllib.loads(builtin_bytes(name).decode())


def builtin_bytes(name: str) -> bytes:
    """Return the bytes of a file of the package's rules."""
    return files(__package__).joinpath("builtin", name).read_bytes()
