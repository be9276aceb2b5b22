"""Keep mode and group of a file that is written anew, so that several users can share a folder."""

from __future__ import annotations

import os
from stat import S_IMODE, S_IRWXG, S_ISGID
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def share_like(path: Path, place: Path) -> None:
    """Set mode and group of a new file to those of the one that it will replace at `place`.

    Where there is none it gets the group that a file made there would get. A group that the user may not give is
    not given, and then the mode grants the user's own group nothing.
    """
    if not place.exists():
        folder = place.parent if place.parent.exists() else place.parent.parent
        if folder.stat().st_mode & S_ISGID:
            _give(path, folder.stat().st_gid)
        return
    before = place.stat()
    given = _give(path, before.st_gid)
    path.chmod(S_IMODE(before.st_mode) if given else S_IMODE(before.st_mode) & ~S_IRWXG)


def _give(path: Path, group: int) -> bool:
    try:
        if path.stat().st_gid != group:
            os.chown(path, -1, group)
    except PermissionError:
        return False
    return True
