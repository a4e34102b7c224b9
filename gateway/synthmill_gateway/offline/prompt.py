"""What a chat request shows the model: its words, and the JSON Schema it asks for."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_WORD = re.compile(r"[^\W\d_][\w'-]{3,23}")
_NAMED = re.compile(
    r"\b(?:an?|the|my|your|our|its|his|her|their|this|of|about)\s+([^\W\d_][\w'-]{3,23})", re.IGNORECASE
)
_ENOUGH_NAMED = 4
_SENTENCE = re.compile(r"[^\s.!?][^.!?\n]{20,200}[.!?]")
_SCAN = 6_000  # characters read at each end of a long prompt; more would cost more than the rest of the answer
_KEYWORDS = 48
_DULL_TEXT = """
    about above according after again also always answer answers asked assistant back because been before being
    below between both cannot column columns could data dataset described description does done each either every
    example examples exactly fake field fields first follow following format from generate given have here into item
    items itself json just keep kind last least like list make many more most must name need never next none object
    only other output please produce property provide question questions realistic record records reply respond
    response return returns right same schema second sentence sentences should show some strict string such synthetic
    take text than that their them then there these they thing this those through type under unique used user using
    value values very whose during lives want well were what when where which while will with without word words
    would write your"""
_DULL = frozenset(_DULL_TEXT.split())


@dataclass(frozen=True, slots=True)
class Prompt:
    """The texts of a request's messages, by role."""

    system: str
    user: str
    chars: int

    @classmethod
    def of(cls, messages: Sequence[Any]) -> "Prompt":
        """`messages` as in the chat API; content is a string or a list of parts."""
        texts = [(message.get("role"), _text(message.get("content"))) for message in messages]
        return cls(
            system="\n".join(text for role, text in texts if role in ("system", "developer")),
            user="\n".join(text for role, text in texts if role == "user"),
            chars=sum(len(text) for _, text in texts),
        )

    def keywords(self) -> tuple[str, ...]:
        """Up to 48 telling words of the user's text, in their order, each once; words after an article do best."""
        text = _ends(_FENCE.sub(" ", self.user))
        named = _telling(_NAMED.findall(text))
        return named if len(named) >= _ENOUGH_NAMED else _telling(_WORD.findall(text))

    def sentences(self) -> tuple[str, ...]:
        """Whole sentences of the user's text, verbatim."""
        return tuple(_SENTENCE.findall(_ends(_FENCE.sub(" ", self.user))))


def schema_of(response_format: object, prompt: Prompt) -> Schema | None:
    """The schema to answer by: of the response format, else of the prompt, else None (plain text).

    JSON mode without any schema is an object with one text.
    """
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if isinstance(response_format, Mapping) and kind == "json_schema":
        holder = response_format.get("json_schema")
        schema = holder.get("schema") if isinstance(holder, Mapping) else None
        return schema if isinstance(schema, Mapping) else {}
    found = _fenced_schema(prompt.system) or _fenced_schema(prompt.user)
    if found is None and kind == "json_object":
        return {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    return found


def _fenced_schema(text: str) -> Schema | None:
    start = text.find("JSON Schema")
    if start < 0:
        return None
    for block in _FENCE.findall(text, start):
        try:
            value = json.loads(block)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n".join(part for part in parts if isinstance(part, str))


def _telling(words: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, str] = {}
    for word in words:
        if word.lower() not in _DULL:
            seen.setdefault(word.lower(), word)
        if len(seen) == _KEYWORDS:
            break
    return tuple(seen.values())


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _SCAN else f"{text[:_SCAN]}\n{text[-_SCAN:]}"
