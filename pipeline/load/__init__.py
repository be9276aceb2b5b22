"""Everything that reads input files: which runs there are, where they lie, and their rows."""
