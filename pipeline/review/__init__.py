"""The review of failed rows: what the `review` commands do, for a terminal, an agent, or a page.

`cli` imports it, and `export` to read an analysis back with its review. It imports `ledger`, `load` and the text
functions of `report`, and never pandas.
"""
