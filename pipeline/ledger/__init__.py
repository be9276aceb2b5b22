"""The ledger: what reviewers decided, as events that are only ever appended, and what follows from them.

`events` defines the events, `store` reads and appends them, `replay` orders them, `settle` derives what they decide
about one row, `gate` what a report still needs before it is final, `review` puts these together for one analysis.
Every package but `schema` and `errors` may import it; it imports neither pandas nor pyarrow.
"""
