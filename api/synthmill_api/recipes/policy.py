"""What a recipe that came over the network may not say: where to connect to, and which of our secrets to send there."""

from collections.abc import Iterator

from synthmill.recipes import CompiledRecipe
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, FaultItem, Refused


def admitted(compiled: CompiledRecipe, config: ApiConfig) -> CompiledRecipe:
    """The recipe itself, or a refusal that lists what the operator has not allowed."""
    faults = list(_faults(compiled, config))
    if faults:
        raise Refused(Code.RECIPE_INVALID, f"recipe {compiled.recipe.name} asks for what is not allowed here", faults)
    return compiled


def _faults(compiled: CompiledRecipe, config: ApiConfig) -> Iterator[FaultItem]:
    model = compiled.recipe.model
    if model is None:
        return
    allowed = {url.rstrip("/") for url in config.model_urls}
    if model.base_url is not None and str(model.base_url).rstrip("/") not in allowed:
        yield FaultItem(
            path="model.base_url",
            message="not among the addresses that this installation allows",
            hint="Leave it out to use the gateway, or have it added to SYNTHMILL_API__MODEL_URLS.",
        )
    if model.api_key_env is not None and model.api_key_env not in config.model_key_variables:
        yield FaultItem(
            path="model.api_key_env",
            message="not among the variables that recipes may name here",
            hint="Leave it out, or have it added to SYNTHMILL_API__MODEL_KEY_VARIABLES.",
        )
