"""The error-mode rules: data (`builtin.toml`) and the small engine that applies them."""
