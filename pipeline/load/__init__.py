"""Everything that reads input files: which runs there are, where they are, their rows, and an analysis folder.

Every package above may import it. `folder` imports neither pandas nor pyarrow, `folder_rows` no pandas, so that the
review commands start without them.
"""
