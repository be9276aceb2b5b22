"""Whether a generated report was edited by hand."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_DIGEST: Final = re.compile(rb"<!-- sha256:([0-9a-f]{64}) -->\n?\Z")


def is_unedited(report: bytes) -> bool:
    """Whether a report is as it was generated: its last line is the digest of the text above."""
    match = _DIGEST.search(report)
    return match is not None and hashlib.sha256(report[: match.start()]).hexdigest() == match[1].decode()
