"""The analysis folder: written whole or not at all, verified, and read back; its formats and charts.

`workflow` and `cli` import this package; it imports everything below.
"""
