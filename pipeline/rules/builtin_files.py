"""The package's own TOML files, as parsed before where they are still the same.

Parsing them takes longer than labelling a thousand rows, so `make rules-parse` keeps what they hold in
`builtin/parsed.json`, each under the digest of its file. A file that has changed since is parsed anew.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

PARSED: Final = "parsed.json"


def read_builtin(name: str) -> dict[str, Any]:
    """Give what a TOML file of the package holds. The values are shared: change nothing in them."""
    data = builtin_bytes(name)
    known = _parsed().get(name, {})
    if known.get("sha256") == hashlib.sha256(data).hexdigest():
        found: dict[str, Any] = known["holds"]
        return found
    return parse(data)


def parse(data: bytes) -> dict[str, Any]:
    """Parse a TOML file."""
    import tomllib  # noqa: PLC0415 - mostly there is nothing to parse

    return tomllib.loads(data.decode())


def builtin_bytes(name: str) -> bytes:
    """Read a file of the package's rules."""
    return files(__package__).joinpath("builtin", name).read_bytes()


@cache
def _parsed() -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = msgspec.json.decode(builtin_bytes(PARSED))
    except FileNotFoundError:
        return {}
    return found
