"""The ways in which a model fails to answer; a model's `fallback_on` names those that pass a call on."""

from enum import StrEnum

_QUOTA_WORDS = ("insufficient_quota", "exceeded your current quota", "billing_hard_limit")


class Failure(StrEnum):
    """Why there is no answer. What is not among them (a bad request, an unknown model) fails anywhere."""

    SERVER_ERROR = "server_error"  # the provider answered 5xx
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    RATE_LIMIT = "rate_limit"  # 429, of the provider or of a limit in the gateway's file
    QUOTA = "quota"  # the account's money or the file's dollars_per_day are used up
    KEY = "key"  # 401 or 403


TRANSIENT = (Failure.SERVER_ERROR, Failure.TIMEOUT, Failure.UNREACHABLE)
"""What nobody has to act on. A rate limit is waited for and a key is mended by a person, unless the file says else."""


def failure_of(status: int, words: str) -> Failure | None:
    """The failure that an answer of `status` stands for; `words` are its code, type and message."""
    if status == 402 or (status == 429 and any(word in words for word in _QUOTA_WORDS)):
        return Failure.QUOTA
    if status == 429:
        return Failure.RATE_LIMIT
    if status in (401, 403):
        return Failure.KEY
    if status in (408, 504):
        return Failure.TIMEOUT
    if "upstream_unreachable" in words:
        return Failure.UNREACHABLE
    return Failure.SERVER_ERROR if status >= 500 else None
