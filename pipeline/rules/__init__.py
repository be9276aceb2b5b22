"""The error-mode rules: data (`builtin/`) and the scorer that applies them to failed rows.

`stages`, `workflow` and `cli` import this package; it imports `schema` and `errors` only.
"""
