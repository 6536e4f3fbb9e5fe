"""The conformance kit: what any destination has to do, driven through the real delivery room against the sandbox.

Everything is in one process, without a socket. A destination of the registry is found by itself; beside its contract,
its connector and its sandbox platform it needs a record in `platforms/` (see `record`).
"""
