"""One OpenAI-compatible door to every provider, and the offline model behind it.

`__main__` starts, `workers` runs several; `app` holds the four routes; `request` reads a call; `router` is the only
file that names LiteLLM; `upstream` judges its errors; `offline/` answers without a network.
"""
