"""The recipe compiler: YAML or JSON to a checked `CompiledRecipe`, or all faults at once.

# Layout
- `compile`   the way in: `load_recipe`, `compile_recipe`, `recompile`
- `reading`   text to plain data with lines; `plain` what values may stand in it
- `draft`     plain data to columns, readable or not; `forms` faults of form in plain words
- `graph`     which column needs which
- `checks/`   faults that form cannot show
- `templates` the template engine; `words`, `values`, `guarded` what it rests on
- `schemas`   JSON Schemas of llm columns; `record_schema` that of the record
- `compiled`  the result
- `cautions`  what is no fault and may still be regretted
- `difference` what changed between two recipes
"""

from synthmill.recipes.compile import Overrides, compile_recipe, load_recipe, recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.recipes.errors import Fault, RecipeInvalid

__all__ = ["CompiledRecipe", "Fault", "Overrides", "RecipeInvalid", "compile_recipe", "load_recipe", "recompile"]
