"""The main charts for slides: an Analysis as PNG or SVG files, one per chart and benchmark; needs matplotlib."""
