"""The output formats: one file each, found by themselves. Only `export` imports them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from pipeline.export.formats.interface import Output, PacketFormat


def all_outputs() -> list[Output]:
    """Return every output file in the order of writing: each module of this folder lists its own in `OUTPUTS`."""
    outputs = [output for module in _modules() for output in getattr(module, "OUTPUTS", ())]
    return sorted(outputs, key=lambda output: output.order)


def packet_formats() -> list[PacketFormat]:
    """Return every form of the review packet: a module of this folder names its own as `PACKET`."""
    return [module.PACKET for module in _modules() if hasattr(module, "PACKET")]


def _modules() -> list[ModuleType]:
    return [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
