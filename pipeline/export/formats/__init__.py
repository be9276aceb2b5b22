"""The output formats: one file each, found by themselves."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.export.formats.interface import Output


def all_outputs() -> list[Output]:
    """Find every output file: each module in this folder lists its own in `OUTPUTS`."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    outputs = [output for module in modules for output in getattr(module, "OUTPUTS", ())]
    return sorted(outputs, key=lambda output: output.order)
