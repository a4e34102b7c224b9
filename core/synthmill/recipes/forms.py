"""Pydantic's errors in plain words, with paths as they stand in the recipe."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synthmill.recipes.errors import Found, Path, child
from synthmill_schemas import recipe as form

KINDS: Mapping[str, type[BaseModel]] = {
    "source": form.SourceColumn,
    "sampler": form.SamplerColumn,
    "expression": form.ExpressionColumn,
    "llm": form.LlmColumn,
}
SAMPLERS: Mapping[str, type[BaseModel]] = {
    "category": form.CategorySampler,
    "subcategory": form.SubcategorySampler,
    "uniform": form.UniformSampler,
    "gaussian": form.GaussianSampler,
    "poisson": form.PoissonSampler,
    "bernoulli": form.BernoulliSampler,
    "datetime": form.DatetimeSampler,
    "timedelta": form.TimedeltaSampler,
    "uuid": form.UuidSampler,
    "person": form.PersonSampler,
}
_SECTIONS: Mapping[str, type[BaseModel]] = {
    "target": form.Target,
    "input": form.Input,
    "seeds": form.SeedPlan,
    "model": form.Model,
}
_NAME_RULES = {
    r"^[A-Za-z_][A-Za-z0-9_]{0,62}$": "Use letters, digits and _, not a digit first, at most 63.",
    r"^[a-z][a-z0-9_-]{0,62}$": "Use small letters, digits, - and _, a letter first, at most 63.",
    r"^https?://": "Begin with http:// or https://.",
    r"^[A-Z][A-Z0-9_]*$": "Give the name of an environment variable, such as OPENAI_API_KEY, never the key itself.",
    r"^[a-z]{2,3}_[A-Z]{2}$": "Write it like en_US or de_DE.",
}


def suggestion(word: str, known: Sequence[str]) -> str:
    """ "Did you mean …?" if a known word is close, else the known words."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(known)}." if known else "There is none."


def form_faults(error: ValidationError, data: object) -> Iterator[Found]:
    """One fault per place; several complaints about one value become one."""
    seen: set[Path] = set()
    for detail in error.errors(include_url=False):
        path = recipe_path(detail["loc"], data)
        if path not in seen:
            seen.add(path)
            yield _translate(path, detail)


def recipe_path(loc: tuple[str | int, ...], data: object) -> Path:
    """Pydantic's place without what it adds: union tags and the types of a union."""
    path: list[str | int] = []
    value = data
    for position, part in enumerate(loc):
        if _is_tag(position, path, value, part):
            continue
        if isinstance(value, dict) and part not in value and position < len(loc) - 1:
            break
        if not isinstance(value, dict | list):
            break
        path.append(part)
        value = child(value, part)
    return tuple(path)


def _is_tag(position: int, path: list[str | int], value: object, part: str | int) -> bool:
    """Column kinds stand third in a place, sampler types fifth, before the field they tag."""
    if not isinstance(value, dict) or path[:1] != ["columns"]:
        return False
    return (position == 2 and value.get("kind") == part) or (position == 4 and value.get("type") == part)


def _translate(path: Path, detail: ErrorDetails) -> Found:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    match kind:
        case "missing":
            return Found(path, f"{path[-1]!r} is missing", "Add it.")
        case "extra_forbidden":
            return Found(
                path, f"there is no key {path[-1]!r} here", suggestion(str(path[-1]), _known_keys(path, detail))
            )
        case "union_tag_not_found":
            tag = str(context["discriminator"]).strip("'")
            return Found(path, f"{tag!r} is missing", f"One of: {', '.join(_tags(tag))}.")
        case "union_tag_invalid":
            tag = str(context["discriminator"]).strip("'")
            return Found((*path, tag), f"there is no {tag} {context['tag']!r}", _tag_hint(tag, str(context["tag"])))
        case "literal_error" | "enum":
            return Found(path, f"{_shown(given)} is not allowed here", f"One of: {context['expected']}.")
        case "string_pattern_mismatch":
            rule = _NAME_RULES.get(str(context["pattern"]), f"It must match {context['pattern']}.")
            return Found(path, f"{_shown(given)} is not a fitting text", rule)
    if path[-1:] and _is_scalar_union(detail):
        return Found(path, f"{_shown(given)} is not a plain value", "Use text, a number, true or false.")
    return Found(path, f"{_shown(given)}: {_sentence(detail['msg'])}", _expected(kind))


def _is_scalar_union(detail: ErrorDetails) -> bool:
    return detail["loc"][-1] in {"str", "int", "float", "bool"}


def _known_keys(path: Path, detail: ErrorDetails) -> list[str]:
    """The keys allowed where `path` ends, found by the tags that Pydantic put into the place."""
    loc = detail["loc"]
    model: type[BaseModel] | None = form.Recipe
    if loc[:1] == ("columns",) and len(loc) >= 3:
        model = KINDS.get(str(loc[2]))
        if len(loc) >= 5 and loc[3] == "sampler":
            model = SAMPLERS.get(str(loc[4]))
    elif len(path) > 1:
        model = _SECTIONS.get(str(path[0]))
        if path[:2] == ("input", "chunking"):
            model = form.Chunking
        elif path[:2] == ("input", "fields"):
            model = form.FieldContract
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _tags(tag: str) -> list[str]:
    return list(KINDS if tag == "kind" else SAMPLERS)


def _tag_hint(tag: str, given: str) -> str:
    close = get_close_matches(given, _tags(tag), n=1)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"One of: {', '.join(_tags(tag))}."


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:].removeprefix("nput should be ")


_EXPECTED = {
    "string": "Give text, in quotes if it looks like something else.",
    "int": "Give a whole number.",
    "float": "Give a number.",
    "bool": "Give true or false.",
    "list": "Give a list.",
    "dict": "Give a map of keys and values.",
    "model": "Give a map of keys and values.",
    "datetime": "Write it like 2024-05-31 or 2024-05-31T12:00:00Z.",
    "finite": "Give a finite number.",
    "too": "Change how many there are.",
    "greater": "Change the number.",
    "less": "Change the number.",
    "invalid": "Use JSON values only.",
}


def _expected(kind: str) -> str:
    return _EXPECTED.get(kind.split("_", 1)[0], "Change the value.")
