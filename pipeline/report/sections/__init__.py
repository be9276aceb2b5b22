"""The report's sections, one module each, found by themselves and sorted by their order.

`build_report` is imported by `workflow` and whoever else builds or verifies a report; a new section is one new module.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from pipeline.report.blocks import Report
from pipeline.report.rows import AnalysisRows

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.sections.interface import Section


def all_sections() -> list[Section]:
    """Return every section in the report's order: the `SECTION` of each module in this package that has one."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return sorted((module.SECTION for module in modules if hasattr(module, "SECTION")), key=lambda s: s.order)


def build_report(analysis: Analysis) -> Report:
    """Return the report of an analysis: its title, its stamp, and the blocks of all sections."""
    rows = AnalysisRows(analysis)
    blocks = (block for section in all_sections() for block in section.build(rows))
    return Report(f"Deep error analysis: {analysis.name}", analysis.stamp, tuple(blocks))
