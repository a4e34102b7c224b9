"""Starter recipes from data: what `synthmill init` writes, and what the API drafts from a source.

# Layout
- `starter`   the way in: the recipe for data of any kind, and hints
- `profile`   what the first rows tell: types, blanks, a key
- `table`     a recipe for rows
- `document`  a recipe for text
- `yaml`      the parts that both write, and how a value is written in YAML
"""
