"""The report as data: blocks, sections and the plain-text summary, all read from an Analysis and never rendered here.

Imported by `cli`, `workflow`, `export` and `review`; itself it imports the analysis, the ledger and the schema.
"""
