"""The review of failed rows: what the `review` commands do, for a terminal, an agent, or a page.

Only `cli` imports it (`Answer` also whatever answers a command). It imports `ledger`, `load` and the text functions of
`report`, and never pandas.
"""
