"""Measures synthmill on this machine: `make bench`, or `python -m benchmarks NAME`. See benchmarks/README.md."""
