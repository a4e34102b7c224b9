"""The REST API: sources in, recipes and jobs, records out, for the tenant that a key belongs to.

# Layout
- `app`           puts the parts together; `__main__` starts it, `openapi` describes it, `links` leads from id to id
- `config`        its settings
- `errors`        every failure as problem+json, with a stable code and what to do
- `dependencies`  what an endpoint is given
- `auth/`         keys, tokens, scopes, and the route class that refuses before a body is read
- `kit/`          bodies, pages and streams, without a word of our domain
- `metrics`       what is counted; `kit/observed` sees every request
- `handlers`      turns what was raised into such an answer
- `health/`, `sources/`, `uploads/`, `recipes/`, `jobs/`, `live/`, `results/`, `exports/`, `dead_letters/`, `keys/`,
  `quotas/`, `webhooks/`, `runs/`   one folder a domain: `endpoints` speak HTTP, `service` decides, `views` are seen
"""
