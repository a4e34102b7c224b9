"""synthmill: files and a recipe in, exactly N synthetic records out.

# Layout
- `settings`   one tree of settings for every service, from `SYNTHMILL_…` variables
- `recipes/`   the recipe compiler: YAML or JSON to a checked `CompiledRecipe`
- `inputs/`    what a file is, and its rows as a stream; `seeding/` from rows to stored seeds
- `drafting/`  starter recipes from data; `catalog/` recipes, sources and places for jobs to come
- `planning/`  slots, attribute tuples and generation requests
- `records/`   searches in records, samples, and the story of one
- `jobs/`      submit, rounds, status, check and export of one job
- `ports/`     the three ports: object store, broker, record store
- `services`   the ports of a profile, opened together
- `embedded/`  their adapters for one folder on one machine
- `stack/`     their adapters for real servers
- `bridge/`    from the lease queue to `synthmill-consumer --stdio` and back
- `supervisor/` the services of one command as child processes; `service`, `lifecycle` how one starts and stops
- `serving/`   an HTTP server for whoever has an application; `monitoring/` health and metrics of every service
- `webhooks/`  changes of jobs, told to tenants' addresses
- `cli/`       the command line; `client/` a typed client of the REST API
- `errors`, `logs`, `tracing`, `object_keys`, `cursors`, `field_paths`   what all of them use
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthmill.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The clients, imported when they are first wanted: no service needs them."""
    if name in ("AsyncClient", "Client"):
        import synthmill.client

        return getattr(synthmill.client, name)
    raise AttributeError(name)
