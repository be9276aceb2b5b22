"""The error-mode rules: data (`builtin/`) and the engine that applies them."""
