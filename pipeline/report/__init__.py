"""The report: its blocks, its sections, and the text summary."""
