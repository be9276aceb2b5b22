"""The local review page: server-rendered, on the loopback address, everything by keyboard."""
