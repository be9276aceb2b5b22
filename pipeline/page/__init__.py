"""The report's page for a browser: its templates, its style and script, and the process that renders it."""
