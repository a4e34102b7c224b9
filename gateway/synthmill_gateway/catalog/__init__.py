"""`gateway.yaml`: providers, models, keys, fallbacks and limits, and what a request may do with them.

# Layout
- `file`     the file's form, typed
- `reading`  text to that form, or all faults at once with their lines
- `checks`   faults that form cannot show: names that lead nowhere, keys that are not set
- `targets`  the result: by a public name, what LiteLLM is called with
- `rules`    which parameters a request may carry
"""
