"""Keep what the rules' TOML files hold as JSON, which is read in a tenth of the time.

Usage: `.venv/bin/python labelled/parse_rules.py`. Writes `pipeline/rules/builtin/parsed.json`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pipeline.rules.builtin_files import PARSED, parse

FOLDER = Path(__file__).parents[1] / "pipeline/rules/builtin"


def main() -> None:
    """Parse every TOML file of the rules."""
    found = {}
    for path in sorted(FOLDER.glob("*.toml")):
        data = path.read_bytes()
        found[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "holds": parse(data)}
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / PARSED).write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
