"""The template engine: the only module that names minijinja.

The consumer renders the same templates with the Rust crate, so only what both have is allowed: the crate's
default filters and tests with `json`, no methods of Python values, no other files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import minijinja
from pydantic import JsonValue

from synthmill.recipes.guarded import guarded
from synthmill.recipes.nesting import is_too_nested
from synthmill.recipes.plain_words import suggestion
from synthmill.recipes.values import CastFailed, cast
from synthmill.recipes.vocabulary import FILTERS, FUNCTIONS, TAGS, TESTS
from synthmill.recipes.words import Words, words_of
from synthmill_schemas.recipe import ValueType

FUEL = 100_000
"""Instructions per rendering: about 10,000 rounds of a small loop, a few milliseconds."""
MAX_RENDERED = 1_000_000
"""Characters; longer text is no attribute and no prompt."""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """Why a template cannot be used, and what to do."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a template needs: `names` from outside, `members` of them (("person", "city")), and its faults."""

    names: frozenset[str]
    members: frozenset[tuple[str, str]]
    faults: tuple[TemplateFault, ...]


class RenderFailed(ValueError):
    """A template that cannot be rendered with these values; its message says why."""


def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        undefined_behavior="strict", fuel=FUEL, auto_escape_callback=lambda _: None, pycompat=False
    )


class Templates:
    """Compiled templates by name."""

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        self._environment = _environment()
        for name, source in (sources or {}).items():
            self._environment.add_template(name, source)

    def render(self, name: str, context: Mapping[str, JsonValue]) -> str:
        """The text. Raises `RenderFailed`."""
        values = {key: guarded(value) for key, value in context.items()}
        try:
            text = self._environment.render_template(name, **values)
        except minijinja.TemplateError as error:
            raise RenderFailed(_problem(error)) from error
        if len(text) > MAX_RENDERED:
            raise RenderFailed(f"the text is longer than {MAX_RENDERED} characters")
        return text

    def value(self, name: str, context: Mapping[str, JsonValue], type_: ValueType) -> JsonValue:
        """The text as a value of a type. Raises `RenderFailed`."""
        try:
            return cast(self.render(name, context), type_)
        except CastFailed as error:
            raise RenderFailed(str(error)) from error


def _problem(error: minijinja.TemplateError) -> str:
    if error.kind == "OutOfFuel":
        return f"the template does more than {FUEL} steps"
    return error.detail or error.message


def inspect(template: str) -> Inspection:
    """What the template needs and what is wrong with it, known columns aside."""
    if is_too_nested(template):
        fault = TemplateFault("the template nests too deep or has a too long expression", "Split it into columns.")
        return Inspection(frozenset(), frozenset(), (fault,))
    environment = _environment()
    try:
        environment.add_template("template", template)
        names = environment.undeclared_variables_in_template("template")
        nested = environment.undeclared_variables_in_template("template", nested=True)
    except minijinja.TemplateError as error:
        message = f"the template does not compile: {_problem(error)} (line {error.line} of it)"
        return Inspection(frozenset(), frozenset(), (TemplateFault(message, "Mend the template there."),))
    words = words_of(template)
    faults = tuple(_word_faults(words, names))
    outside = frozenset(names - FUNCTIONS - {"loop", "caller"} - words.calls)
    members = frozenset(
        (first, rest.split(".")[0]) for first, _, rest in (path.partition(".") for path in nested) if rest
    )
    return Inspection(outside, members, faults)


def _word_faults(words: Words, names: set[str]) -> Iterator[TemplateFault]:
    for unknown in sorted(words.filters - FILTERS):
        yield TemplateFault(f"there is no filter {unknown!r}", _nearest(unknown, FILTERS))
    for unknown in sorted(words.tests - TESTS):
        yield TemplateFault(f"there is no test {unknown!r}", _nearest(unknown, TESTS))
    for unknown in sorted(words.tags - TAGS):
        yield TemplateFault(
            f"the tag {unknown!r} is not allowed", "A template stands alone; use if, for, set and with."
        )
    for called in sorted(words.methods - {"loop.cycle", "loop.changed"}):
        hint = "Use a filter, as in {{ name|upper }}."
        yield TemplateFault(f"methods cannot be called ({called})", hint)
    for called in sorted(words.calls & (names - FUNCTIONS - {"loop", "caller"})):
        yield TemplateFault(f"there is no function {called!r}", _nearest(called, FUNCTIONS))


def _nearest(word: str, known: frozenset[str]) -> str:
    return suggestion(word, sorted(known))
