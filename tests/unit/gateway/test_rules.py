"""Which parameters of a request pass on to a provider."""

from typing import Any

import pytest

from synthmill_gateway.catalog.rules import CHAT, FREE, Rules
from synthmill_gateway.errors import GatewayError

STEERING = [
    *("api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "extra_headers", "headers"),
    *("organization", "model_list", "mock_response", "mock_tool_calls", "metadata", "litellm_metadata", "callbacks"),
    *("success_callback", "user_config", "fallbacks", "num_retries", "max_retries", "timeout", "ssl_verify", "client"),
    *("aws_role_name", "aws_sts_endpoint", "vertex_credentials", "azure_ad_token", "langfuse_host", "s3_endpoint_url"),
    *("cache", "caching", "logger_fn", "prompt_id", "guardrails", "deployment_id", "input_cost_per_token"),
    *(
        "drop_params",
        "allowed_openai_params",
        "model_info",
        "shared_session",
        "use_litellm_proxy",
        "proxy_server_request",
    ),
]


def named(*allow: str, forbid: tuple[str, ...] = (), **defaults: Any) -> Rules:  # noqa: ANN401  any JSON
    return Rules(CHAT | set(allow), frozenset(forbid), defaults, "ask for it")


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize("rules", [FREE, named("top_k")], ids=["no file", "file"])
def test_what_would_steer_the_gateway_itself_is_refused(rules: Rules, name: str) -> None:
    with pytest.raises(GatewayError) as refused:
        rules.applied({"temperature": 1, name: "anything"})
    assert (refused.value.status, refused.value.param) == (400, name)


@pytest.mark.parametrize(
    "name", ["model", "messages", "stream", "n", "max_tokens", "response_format", "azure_ad_token", "tools"]
)
def test_the_extra_body_cannot_overrule_what_was_checked(name: str) -> None:
    with pytest.raises(GatewayError, match=name) as refused:
        FREE.applied({"extra_body": {name: "anything"}})
    assert (refused.value.status, refused.value.param) == (400, "extra_body")


def test_an_extra_body_is_an_object() -> None:
    with pytest.raises(GatewayError, match="object"):
        FREE.applied({"extra_body": "model"})


def test_parameters_of_other_providers_pass_where_no_file_says_what_may() -> None:
    given = {"top_k": 3, "extra_body": {"guided_regex": "a+"}}
    assert FREE.applied(given) == given
    with pytest.raises(GatewayError, match="ask for it"):
        named().applied({"top_k": 3})
    assert named("top_k").applied({"top_k": 3}) == {"top_k": 3}


def test_fault_knobs_travel_in_the_extra_body() -> None:
    given = {"offline": {"fail": 1}, "extra_body": {"guided_regex": "a+"}}
    assert FREE.applied(given) == {"extra_body": {"guided_regex": "a+", "offline": {"fail": 1}}}


def test_a_default_fills_in_what_a_request_leaves_out() -> None:
    rules = named(temperature=0.2, max_tokens=50)
    assert rules.applied({"temperature": 1}) == {"temperature": 1, "max_tokens": 50}


def test_a_forbidden_parameter_may_have_a_default_and_no_other_value() -> None:
    rules = named(forbid=("service_tier",), service_tier="flex")
    assert rules.applied({}) == {"service_tier": "flex"}
    with pytest.raises(GatewayError, match="service_tier"):
        rules.applied({"service_tier": "priority"})
