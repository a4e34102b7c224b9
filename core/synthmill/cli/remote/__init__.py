"""Commands with `--server URL`: the same names, carried out by an API somewhere else; nothing runs or lies here.

# Layout
- `server`   the client that a command uses, and what it shows of a job
- `making`   `run`
- `looking`  `status`, `logs`, `records`
- `moving`   `cancel`, `pause`, `resume`
- `filing`   `export`
"""
