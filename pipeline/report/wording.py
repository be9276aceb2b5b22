"""Small turns of phrase that reports and commands share."""

from __future__ import annotations


def words(noun: str, number: int) -> str:
    """Write a number with its noun: `1 run`, `3 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
