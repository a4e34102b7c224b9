"""The offline model: a chat request in, an answer or an error out; it only computes, waiting is its caller's part."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from synthmill_gateway.offline import faults, spoil
from synthmill_gateway.offline.dice import Dice
from synthmill_gateway.offline.knobs import Knobs, KnobsRefused
from synthmill_gateway.offline.prompt import Prompt, schema_of
from synthmill_gateway.offline.schema import Schema, Unanswerable
from synthmill_gateway.offline.spoil import Finish, Kind, Reply
from synthmill_gateway.offline.values import Draft, ValueMaker
from synthmill_gateway.offline.writer import Writer

ATTEMPT_HEADER = "x-synthmill-attempt-ids"

_CHARS_A_TOKEN = 4  # the usual rule of thumb for English; the offline model has no tokenizer
_DRAFTS = 12  # a schema that joins branches may need several; what twelve miss is refused
_TEXT = Draft(value=None)


class OfflineError(Exception):
    """The model does not answer. `status` is the HTTP status, `retry_after` and `delay` are seconds.

    `code` is `rate_limit` or `fail` where a knob wanted it, else `bad_request`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "bad_request",
        retry_after: float | None = None,
        delay: float = 0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after
        self.delay = delay


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `delay` is in seconds; `fault` names what was made wrong on purpose; tokens are estimates."""

    id: str
    reply: Reply
    fault: Kind | None
    delay: float
    prompt_tokens: int
    completion_tokens: int


class OfflineModel:
    """Answers by schema and prompt. Not for several threads at once."""

    def __init__(self, defaults: Knobs) -> None:
        self._defaults = defaults
        self._refusals = faults.Refusals()

    def answer(self, body: Mapping[str, Any], attempt_ids: str = "") -> Answer:
        """The answer to a chat request's body. Equal bodies get equal answers; 429 and 500 are thrown anew each try.

        `attempt_ids` is the header's text; it changes what goes wrong, never the content. Raises OfflineError.
        """
        knobs = self._knobs(body)
        messages, seed = _messages(body), body.get("seed")
        dice = Dice(body.get("model"), seed, messages, body.get("response_format"), attempt_ids)
        delay = faults.delay_seconds(knobs, dice)
        self._turn_away(knobs, dice, delay)
        prompt = Prompt.of(messages)
        content = Dice(body.get("model"), seed, messages)
        reply, fault = self._reply(body, prompt, content, knobs, dice)
        return Answer(
            id=f"offline-{content.digest.hex()[:24]}",
            reply=reply,
            fault=fault,
            delay=delay,
            prompt_tokens=_tokens(prompt.chars),
            completion_tokens=_tokens(len(reply.content or reply.refusal or "")),
        )

    def _knobs(self, body: Mapping[str, Any]) -> Knobs:
        try:
            return self._defaults.merged(body.get("offline"))
        except KnobsRefused as error:
            raise OfflineError(400, f"offline: {error}") from error

    def _turn_away(self, knobs: Knobs, dice: Dice, delay: float) -> None:
        status = self._refusals.status(knobs, dice)
        if status == 429:
            raise OfflineError(
                429, "the offline model was told to limit its rate", code="rate_limit", retry_after=knobs.retry_after
            )
        if status is not None:
            raise OfflineError(status, "the offline model was told to fail", code="fail", delay=delay)

    def _reply(
        self, body: Mapping[str, Any], prompt: Prompt, content: Dice, knobs: Knobs, dice: Dice
    ) -> tuple[Reply, Kind | None]:
        schema = schema_of(body.get("response_format"), prompt)
        if schema is None:
            return _limited(Reply(Writer(prompt, content.random("text")).paragraph()), body), None
        validator = _validator(json.dumps(schema))
        draft = _draft(schema, validator, prompt, content)
        kind = faults.bad_kind(knobs, dice, draft)
        if kind is None:
            return _limited(Reply(spoil.written(draft.value)), body), None
        return _limited(spoil.spoilt(kind, draft, dice.random("spoil"), validator.is_valid), body), kind


def _draft(schema: Schema, validator: jsonschema_rs.Validator, prompt: Prompt, content: Dice) -> Draft:
    rng = content.random("values")
    problem = "it allows no value"
    for _ in range(_DRAFTS):
        try:
            draft = ValueMaker(schema, prompt, rng).draft()
        except Unanswerable as error:
            problem = str(error)
            continue
        if validator.is_valid(draft.value):
            return draft
        problem = next(error.message for error in validator.iter_errors(draft.value))
    raise OfflineError(
        400,
        f"the offline model found no answer that fits the JSON Schema: {problem}. Simplify it, or use a real model.",
    )


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(json.loads(schema), validate_formats=True)
    except (ValueError, TypeError) as error:
        raise OfflineError(400, f"the response format's JSON Schema is not valid: {error}") from error


def _limited(reply: Reply, body: Mapping[str, Any]) -> Reply:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not isinstance(limit, int) or reply.content is None or _tokens(len(reply.content)) <= limit:
        return reply
    return spoil.cut(reply.content, limit * _CHARS_A_TOKEN)


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, Mapping) for item in messages):
        raise OfflineError(400, "`messages` has to be a list of objects with role and content, at least one")
    return messages


def _tokens(chars: int) -> int:
    return math.ceil(chars / _CHARS_A_TOKEN)


__all__ = ["ATTEMPT_HEADER", "Answer", "Finish", "OfflineError", "OfflineModel"]
