"""One OpenAI-compatible door to every provider, and the offline model behind it.

# Layout
- `__main__` starts, `workers` runs several processes; `config` the settings
- `app`      the four routes; `request` reads a call, `errors` and `failures` tell why there is no answer
- `models`   what is served: loads and reloads; `catalog/` the file that says it, `known` what LiteLLM says to that
- `relay`    a call's way through rules, limits and fallbacks; `limits/` counts for all processes together
- `router`   the only file that names LiteLLM; `pricing` what a call cost, `upstream` judges its errors
- `traced`   each request's trace, `observed` each call in the log and in the `metrics`
- `offline/` answers without a network
"""
