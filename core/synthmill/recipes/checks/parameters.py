"""The model's parameters: they shape an answer, and never say whom to call, with which key, or how often.

A gateway or proxy refuses such words, but only once the job runs; a server that does not would send its keys wherever
a recipe points.
"""

import re
from collections.abc import Iterator

from synthmill.recipes.errors import Found
from synthmill_schemas.recipe import Model

OURS = {
    "messages": "The prompt column and model.system make them.",
    "model": "Use model.route.",
    "stream": "Answers are not streamed.",
    "stream_options": "Answers are not streamed.",
    "n": "Use batch for several records per call.",
    "seed": "Use the recipe's seed; each call's seed is made from it.",
    "api_key": "Name a variable in model.api_key_env; a recipe is stored in clear.",
    "response_format": "It is made from the columns' schemas.",
    "timeout": "Use model.timeout_seconds.",
}
"""Keys of the call that synthmill fills in itself."""

_STEERING = re.compile(
    r"(anthropic|aws|azure|gcs|langfuse|langsmith|litellm|mock|s3|vertex|watsonx)_.*"
    r"|api_(base|type|version)|base_url|(custom_)?llm_provider|deployment_id|region(_name)?|organization|project"
    r"|(extra_|default_)?(headers|query)|proxy|proxies|ssl_verify|client|http_client"
    r"|model_(list|info|alias_map|config)|fallbacks|context_window_fallback.*|num_retries|max_retries|.*retry_policy"
    r"|request_timeout|caching|cache|(input_|success_|failure_|disabled_)?callbacks?|logger_fn|user_config"
    r"|guardrails|prompt_id|prompt_variables|drop_params|additional_drop_params|allowed_openai_params"
)
"""Words by which LiteLLM and clients of OpenAI are told where to go, under which name, and what else to do."""

_GATEWAY_ONLY = frozenset({"metadata"})
"""Harmless to OpenAI itself; behind the gateway it would steer LiteLLM's callbacks."""


def parameter_faults(model: Model) -> Iterator[Found]:
    """Parameters that a recipe must not set."""
    for key in model.parameters:
        path = ("model", "parameters", key)
        if key in OURS:
            yield Found(path, f"{key!r} is set by synthmill", f"Remove it. {OURS[key]}")
        elif _STEERING.fullmatch(key):
            message = f"{key!r} says whom to call or how, which a recipe's parameters must not"
            hint = "Remove it. The gateway's file names providers; model.base_url and api_key_env call one directly."
            yield Found(path, message, hint)
        elif key in _GATEWAY_ONLY and model.base_url is None:
            yield Found(path, f"the gateway passes {key!r} to nobody", "Remove it.")
