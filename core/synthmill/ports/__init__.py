"""The three ports that services speak to: object store, broker and record store.

Each has two adapters that pass the same contract tests: `synthmill.embedded` for one folder on one machine, and the
real servers.
"""
