"""synthmill: files and a recipe in, exactly N synthetic records out.

# Layout
- `settings`   one tree of settings for every service, from `SYNTHMILL_…` variables
- `recipes/`   the recipe compiler: YAML or JSON to a checked `CompiledRecipe`
- `planning/`  slots, attribute tuples and generation requests
- `jobs/`      submit, rounds, reconcile, status, check and export of one job
- `ports/`     the three ports: object store, broker, record store
- `embedded/`  their adapters for one folder on one machine
- `bridge/`    from the lease queue to `synthmill-consumer --stdio` and back
- `cli/`       the command line
"""

__version__ = "0.1.0"
