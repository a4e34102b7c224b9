"""A starter recipe for rows: a question that somebody asks about a row, and its answer."""

from collections.abc import Sequence
from pathlib import Path

from synthmill.drafting.profile import Field, chosen, key_of
from synthmill.drafting.yaml import MODEL, head, qa_columns, scalar
from synthmill_schemas.recipe import ValueType

OUR_COLUMNS = frozenset({"asked_by", "qa", "question", "answer"})
"""Names that the recipe needs for columns of its own."""

_SCHEMA = """\
      required: [question, answer]
      properties:
        question: {type: string, minLength: 10, maxLength: 300}
        answer: {type: string, minLength: 10, maxLength: 900}
"""


def table_recipe(path: Path, recipe: str, fields: Sequence[Field], rows: int) -> str:
    """The text of the recipe; `rows` is how many the fields were guessed from."""
    used = chosen(fields)
    parts = [
        head(path, recipe, "a question about each row, with its answer"),
        _key(key_of(fields, rows)),
        _target(),
        _contracts(used),
        MODEL,
        _columns(used, [field.name for field in fields if field not in used]),
    ]
    return "\n".join(part for part in parts if part)


def _key(key: Field | None) -> str:
    if key is None:
        return (
            "# key: NAME  # a column that names each row for good, if there is one: changed rows are then known again\n"
        )
    return f"key: {scalar(key.name)}  # names a row for good, also when its other values change\n"


def _target() -> str:
    return """\
# One record for each row; or say how many:
# target: {records: 200}
"""


def _contracts(fields: Sequence[Field]) -> str:
    """Only what is not plain text that is always there; a row that breaks its contract is left out and told."""
    told = [field for field in fields if field.type is not ValueType.STRING or field.blank]
    if not told:
        return ""
    lines = [
        f"    {scalar(field.name)}: {{type: {field.type}{', required: false' if field.blank else ''}}}"
        for field in told
    ]
    return "\n".join(
        ["input:", "  fields:  # a row that does not hold this is left out, with its line number", *lines, ""]
    )


def _columns(fields: Sequence[Field], left_out: Sequence[str]) -> str:
    sources = [_source(field) for field in fields]
    if left_out:
        sources.append(f"  # left out: {', '.join(scalar(name) for name in left_out)}")
    entry = "\n".join(f"      {_label(field.name)}: {_value(field)}" for field in fields)
    return "\n".join(
        [
            "columns:",
            *sources,
            "",
            "  - kind: sampler  # drawn for each record: variety without asking the model for it",
            "    name: asked_by",
            "    sampler:",
            "      type: category",
            "      values: [a newcomer, an expert, a sceptic, somebody in a hurry]",
            "      weights: [3, 2, 1, 1]",
            "",
            "  - kind: llm",
            "    name: qa",
            "    drop: true  # its parts become columns below",
            "    prompt: |",
            "      Write one question that {{ asked_by }} would ask about this entry, and its answer.",
            "      Use only what the entry says.",
            "",
            entry,
            qa_columns(_SCHEMA),
        ]
    )


def _source(field: Field) -> str:
    renamed = "" if field.column == field.name else f", field: {scalar(field.name)}"
    return f"  - {{kind: source, name: {scalar(field.column)}{renamed}}}"


def _value(field: Field) -> str:
    if field.blank:
        return f'{{{{ "unknown" if {field.column} is none else {field.column} }}}}'
    return f"{{{{ {field.column} }}}}"


def _label(name: str) -> str:
    """A name from the file as words of a prompt: nothing in it may open a tag or break the line."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(plain.split()).replace("{", "(").replace("}", ")")
