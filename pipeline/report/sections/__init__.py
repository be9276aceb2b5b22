"""The report's sections: one file each, found by themselves and put in their order."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from pipeline.report.blocks import Report

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.sections.interface import Section


def all_sections() -> list[Section]:
    """Find every section: each module in this folder that has a `SECTION`."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return sorted((module.SECTION for module in modules if hasattr(module, "SECTION")), key=lambda s: s.order)


def build_report(analysis: Analysis) -> Report:
    """Compose the report of an analysis from all sections."""
    blocks = (block for section in all_sections() for block in section.build(analysis))
    return Report(f"Deep error analysis: {analysis.name}", analysis.review.stamp, tuple(blocks))
