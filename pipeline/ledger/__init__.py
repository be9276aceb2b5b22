"""The ledger: what reviewers decided, as events that are only ever appended, and what follows from them.

`events` says what an event is, `store` reads and appends them, `replay` puts them in order, `settle` tells what they
decide about a row, `gate` what a report still needs before it is final.
"""
