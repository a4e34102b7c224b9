"""What a recipe's model parameters may not say."""

import pytest

from tests.support.recipes import compiled, data, faults

STEERING = [
    *("api_base", "base_url", "api_version", "custom_llm_provider", "organization", "extra_headers", "headers"),
    *("model_list", "fallbacks", "mock_response", "mock_timeout", "callbacks", "success_callback", "user_config"),
    *("aws_role_name", "vertex_credentials", "azure_ad_token", "litellm_metadata", "langfuse_host", "ssl_verify"),
    *("num_retries", "max_retries", "model_info", "cache", "guardrails", "prompt_id", "client", "region_name"),
]


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize("base_url", [None, "http://localhost:8000/v1"])
def test_words_that_say_whom_to_call_are_refused_early(name: str, base_url: str | None) -> None:
    found = faults(data(model={"route": "x", "base_url": base_url, "parameters": {name: "anything"}}))
    assert [fault.path for fault in found] == [f"model.parameters.{name}"]
    assert "whom to call" in found[0].message
    assert "model.base_url" in found[0].hint


def test_metadata_is_refused_before_the_gateway_and_passes_to_a_server_of_ones_own() -> None:
    model = {"route": "x", "parameters": {"metadata": {"a": "b"}}}
    assert "gateway" in faults(data(model=model))[0].message
    assert compiled(model={**model, "base_url": "http://localhost:8000/v1"}).request_model is not None


def test_a_time_limit_has_a_field_of_its_own() -> None:
    assert "model.timeout_seconds" in faults(data(model={"route": "x", "parameters": {"timeout": 5}}))[0].hint


def test_parameters_that_shape_an_answer_pass() -> None:
    parameters = {"temperature": 0.5, "top_k": 3, "chat_template_kwargs": {"x": 1}, "reasoning_effort": "low"}
    model = compiled(model={"route": "x", "parameters": parameters}).request_model
    assert model is not None
    assert model.parameters == parameters
