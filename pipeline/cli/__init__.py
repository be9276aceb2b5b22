"""The commands, one file per group: options in, one call, an answer out.

Nothing imports this package. It alone imports inside functions: what a command needs is loaded when it runs.
"""
