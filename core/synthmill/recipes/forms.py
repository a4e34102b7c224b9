"""Pydantic's errors in plain words, with paths as they stand in the recipe."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synthmill.recipes.errors import Found, Path, child
from synthmill.recipes.plain_words import explained, suggestion
from synthmill_schemas import gate as gate_form
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
EXPECTATIONS: Mapping[str, type[BaseModel]] = {
    "range": gate_form.RangeExpectation,
    "length": gate_form.LengthExpectation,
    "pattern": gate_form.PatternExpectation,
    "values": gate_form.ValuesExpectation,
    "present": gate_form.PresentExpectation,
    "order": gate_form.OrderExpectation,
    "unique": gate_form.UniqueExpectation,
    "shares": gate_form.SharesExpectation,
    "mean": gate_form.MeanExpectation,
    "distinct": gate_form.DistinctExpectation,
}
_TAGGED: Mapping[str, Mapping[str, type[BaseModel]]] = {"kind": KINDS, "type": SAMPLERS, "expect": EXPECTATIONS}
_SECTIONS: Mapping[str, type[BaseModel]] = {
    "gate": gate_form.Gate,
    "target": form.Target,
    "input": form.Input,
    "seeds": form.SeedPlan,
    "model": form.Model,
}


def form_faults(error: ValidationError, data: object) -> Iterator[Found]:
    """One fault per place; several complaints about one value become one."""
    seen: set[Path] = set()
    for detail in error.errors(include_url=False):
        path = recipe_path(detail["loc"], data)
        if detail["type"] == "missing":
            path = (*path, detail["loc"][-1])
        if path not in seen:
            seen.add(path)
            yield _translate(path, detail)


def recipe_path(loc: tuple[str | int, ...], data: object) -> Path:
    """The part of Pydantic's place that is in the recipe: without union tags, and without the types of a union."""
    path: list[str | int] = []
    value = data
    for position, part in enumerate(loc):
        if _is_tag(position, path, value, part):
            continue
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if not inside:
            break
        path.append(part)
        value = child(value, part)
    return tuple(path)


def _is_tag(position: int, path: list[str | int], value: object, part: str | int) -> bool:
    """Column kinds stand third in a place, sampler types fifth, expectations fourth, before the field they tag."""
    if not isinstance(value, dict):
        return False
    if path[:2] == ["gate", "expectations"]:
        return position == 3 and value.get("expect") == part
    if path[:1] != ["columns"]:
        return False
    return (position == 2 and value.get("kind") == part) or (position == 4 and value.get("type") == part)


def _translate(path: Path, detail: ErrorDetails) -> Found:
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "missing":
            return Found(path, f"{path[-1]!r} is missing", "Add it.")
        case "extra_forbidden":
            key = str(path[-1])
            return Found(path, f"there is no key {key!r} here", suggestion(key, _known_keys(path, detail)))
        case "union_tag_not_found":
            tag = str(context["discriminator"]).strip("'")
            return Found((*path, tag), f"{tag!r} is missing", f"One of: {', '.join(_tags(tag))}.")
        case "union_tag_invalid":
            tag = str(context["discriminator"]).strip("'")
            return Found((*path, tag), f"there is no {tag} {context['tag']!r}", _tag_hint(tag, str(context["tag"])))
    message, hint = explained(detail)
    return Found(path, message, hint)


def _known_keys(path: Path, detail: ErrorDetails) -> list[str]:
    """The keys allowed where `path` ends, found by the tags that Pydantic put into the place."""
    if path[:2] == ("gate", "expectations") and len(detail["loc"]) > 4:
        model = EXPECTATIONS.get(str(detail["loc"][3]))
    else:
        model = _column_model(detail["loc"]) if path[0] == "columns" else _section_model(path)
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _column_model(loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    if len(loc) >= 6 and loc[3] == "sampler":
        return SAMPLERS.get(str(loc[4]))
    return KINDS.get(str(loc[2])) if len(loc) >= 4 else form.Recipe


def _section_model(path: Path) -> type[BaseModel] | None:
    if path[:2] == ("input", "chunking") and len(path) > 2:
        return form.Chunking
    if path[:2] == ("input", "fields") and len(path) > 3:
        return form.FieldContract
    return _SECTIONS.get(str(path[0])) if len(path) > 1 else form.Recipe


def _tags(tag: str) -> list[str]:
    return list(_TAGGED[tag])


def _tag_hint(tag: str, given: str) -> str:
    close = get_close_matches(given, _tags(tag), n=1)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"One of: {', '.join(_tags(tag))}."
