"""The commands, one file per group: options in, one call, an answer out."""
