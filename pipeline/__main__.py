"""Enter here: `error-analysis` and `python -m pipeline`. Signals are handled before anything else is imported."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in `pipeline/__init__.py`
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    try:
        from pipeline.cli.interruption import watched

        code = watched(_command, as_json="--json" in sys.argv)
    except KeyboardInterrupt:  # before the handlers were there, or after they had gone
        print("error: interrupted", file=sys.stderr)  # noqa: T201 - `printing` is not imported yet
        code = 130
    sys.exit(code)


def _command() -> int:
    from pipeline.cli.main import command

    return command(sys.argv[1:])


if __name__ == "__main__":
    main()
