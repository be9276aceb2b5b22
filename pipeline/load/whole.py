"""See to it that a folder holds one whole analysis before anything of it is read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import InputError, Problem
from pipeline.load.files import irregular
from pipeline.load.moving import OWN_NAMES, finish_move, is_own

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILES: Final = "files"
"""The key of `analysis.json` that holds the SHA-256 of the other files, by name."""
_READ: Final = (".jsonl", ".parquet")
"""What commands read. A report or a CSV may be edited by hand: only `report --verify` names that."""
_REBUILD: Final = "build the folder again with error-analysis report, or put the right file back"


def make_whole(folder: Path) -> None:
    """Finish an interrupted move, and refuse a folder whose files are not all of one analysis.

    Raises `InputError` naming the files that are not what `analysis.json` says, or not regular files.
    """
    finish_move(folder)
    refuse_irregular(folder, [*OWN_NAMES, c.TURNS_PARQUET, c.SCORES_PARQUET])
    if _changed(folder):  # perhaps another process is just moving an analysis in
        finish_move(folder)
        if changed := _changed(folder):
            what = f"is not of the analysis that {c.ANALYSIS_JSON} describes"
            raise InputError(*(Problem(str(folder / name), what, _REBUILD) for name in changed))


def refuse_irregular(folder: Path, names: Iterable[str]) -> None:
    """Refuse pipes, devices and folders in place of files: reading them could last for ever. Raises `InputError`."""
    if problems := irregular(folder / name for name in names):
        raise InputError(*problems)


def listed_digests(folder: Path) -> dict[str, str]:
    """Return the digests of the other files that `analysis.json` holds; none where it holds none or is not there."""
    try:
        listed = json.loads((folder / c.ANALYSIS_JSON).read_bytes())[FILES]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return {name: str(digest) for name, digest in listed.items() if is_own(name)} if isinstance(listed, dict) else {}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _changed(folder: Path) -> list[str]:
    """Return the files that are there and have other contents than `analysis.json` says."""
    digests = {name: digest for name, digest in listed_digests(folder).items() if name.endswith(_READ)}
    refuse_irregular(folder, digests)
    try:
        return [
            name for name, digest in digests.items() if (folder / name).exists() and digest_of(folder / name) != digest
        ]
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise InputError(Problem(str(error.filename or folder), what, "see its rights")) from None
