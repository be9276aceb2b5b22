"""Let `python -m pipeline` be the command."""

from pipeline.cli.main import main

main()
