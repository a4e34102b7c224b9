"""Failures of providers, in the shapes LiteLLM gives them, and what the client is told."""

from typing import Any

import pytest

from synthmill_gateway.errors import GatewayError
from synthmill_gateway.upstream import judge


class UpstreamError(Exception):
    """As the provider's client raised it."""

    def __init__(self, status_code: int, message: str, body: object = None) -> None:
        super().__init__(message)
        self.status_code, self.message, self.body = status_code, message, body


class MappedError(Exception):
    """As LiteLLM passes it on."""

    def __init__(self, status_code: int, message: str, headers: dict[str, str] | None) -> None:
        super().__init__(message)
        self.status_code, self.litellm_response_headers = status_code, headers


class UnsupportedParamsError(MappedError):
    """Named like LiteLLM's."""


class Timeout(MappedError):
    """Named like LiteLLM's."""


def judged(error: Exception, origin: Exception | None = None) -> GatewayError:
    error.__context__ = origin
    return judge(error)


def answered(status: int, mapped_to: int, **origin: Any) -> GatewayError:  # noqa: ANN401  a message or a body
    headers = {"retry-after": "7"}
    return judged(MappedError(mapped_to, "litellm.Error: …", headers), UpstreamError(status, **origin))


@pytest.mark.parametrize(
    ("status", "mapped_to"), [(400, 400), (401, 401), (402, 402), (429, 429), (529, 500), (413, 400)]
)
def test_the_status_is_the_providers_own(status: int, mapped_to: int) -> None:
    told = answered(status, mapped_to, message="no")
    assert told.status == status
    assert told.headers() == {"Retry-After": "7"}


def test_an_error_object_keeps_its_code_and_type() -> None:
    inner = {"message": "You exceeded your quota", "type": "insufficient_quota", "param": None, "code": "quota"}
    told = answered(429, 429, message="…", body=inner)
    assert told.body() == {"error": inner}


def test_an_error_object_is_found_in_the_text_of_an_answer() -> None:
    told = answered(400, 400, message='{"type": "error", "error": {"type": "overloaded", "message": "Too busy"}}')
    assert (told.message, told.type) == ("Too busy", "overloaded")


def test_an_answer_without_json_is_told_as_it_is() -> None:
    assert answered(503, 503, message="<html>down</html>").message == "<html>down</html>"


def test_nobody_there_is_a_502() -> None:
    told = judged(MappedError(500, "Connection error.", None))
    assert (told.status, told.code, told.headers()) == (502, "upstream_unreachable", {})


def test_a_traceback_is_not_told() -> None:
    told = judged(MappedError(500, "cannot read\nTraceback (most recent call last):\n  File secret.py", None))
    assert "Traceback" not in told.message
    assert "secret" not in told.message


def test_a_timeout_is_a_504() -> None:
    assert judged(Timeout(408, "timed out", None)).status == 504


def test_a_missing_key_is_a_401_that_says_where_to_set_it() -> None:
    told = judged(MappedError(500, "Missing credentials. Please pass an `api_key`", None))
    assert (told.status, told.code) == (401, "missing_key")
    assert "environment" in told.message


def test_an_unsupported_response_format_is_named_so_that_the_client_can_do_without() -> None:
    told = judged(UnsupportedParamsError(400, "x does not support parameters: ['response_format']", None))
    assert (told.status, told.code, told.param) == (400, "unsupported_parameter", "response_format")
