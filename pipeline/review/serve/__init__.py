"""The local review page: server-rendered, on the loopback address, usable by keyboard alone. Only `cli` imports it."""
