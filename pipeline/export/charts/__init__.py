"""The main charts for slides: an Analysis as PNG or SVG files, one per chart and benchmark.

Only `cli.export` imports this package, inside its command: it needs matplotlib, which is an optional dependency.
"""
