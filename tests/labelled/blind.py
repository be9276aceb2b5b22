"""Write a third of a part without labels, for somebody else to label: `python tests/labelled/blind.py PART FILE`.

Which cases are in the third follows from their ids, so it does not depend on their order or labels.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec
from cases import Case, read_part

HIDDEN = ("mode", "why", "trap", "voice")


def in_the_third(case: Case) -> bool:
    """Whether a case is labelled a second time."""
    return hashlib.sha256(case.id.encode()).digest()[0] % 3 == 0


def main(part: str, file: str) -> None:
    """Write the cases to label."""
    cases = [msgspec.to_builtins(case) for case in read_part(part) if in_the_third(case)]
    for case in cases:
        for name in HIDDEN:
            del case[name]
    Path(file).write_bytes(b"".join(msgspec.json.encode(case) + b"\n" for case in cases))
    print(f"{len(cases)} cases of {part} to {file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
