"""The secret that all keys of the benchmarks are derived from."""

MASTER = b"the master secret of the benchmarks"
