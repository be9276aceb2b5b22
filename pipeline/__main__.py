"""Let `python -m pipeline` be the command."""

from pipeline.cli import main

main()
