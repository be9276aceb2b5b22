"""The `skill` command: put the agent skill into another repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import printing
from pipeline.cli.options import AsJson

app = typer.Typer(help="The skill that tells coding agents how to use this command.")


@app.callback()
def _group() -> None:
    """Keep `install` a command of its own while it is the only one."""


@app.command()
def install(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A repository; here if left out.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Put the skill file into a repository, where agents find it."""
    from pipeline.cli.skill_file import install

    printing.print_answer(install(folder), as_json=as_json)
