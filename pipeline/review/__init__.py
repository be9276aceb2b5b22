"""The review of failed rows: what the `review` commands do, for a terminal, an agent, or a page."""
