"""A starter recipe for data of any kind: its text with comments, and what a person should look at in it."""

from collections.abc import Sequence
from pathlib import Path

from synthmill.drafting.document import document_recipe
from synthmill.drafting.profile import Field, chosen, key_of
from synthmill.drafting.table import table_recipe
from synthmill.inputs.detect import SourceKind

_TEXTS = (SourceKind.TEXT, SourceKind.MARKDOWN)


def starter_recipe(file: Path, recipe: str, kind: SourceKind, fields: Sequence[Field], rows: int) -> str:
    """The text; `recipe` is the file that its usage names, `rows` how many the fields were guessed from."""
    if kind in _TEXTS:
        return document_recipe(file, recipe)
    return table_recipe(file, recipe, fields, rows)


def hints(kind: SourceKind, fields: Sequence[Field], rows: int) -> list[str]:
    """What was guessed, each in a sentence."""
    told = ["The model is the offline one, whose words mean nothing: name a real one in model.route."]
    if kind in _TEXTS:
        return [*told, "Passages of about 1,500 characters give two records each: see input.chunking and seeds."]
    key, used = key_of(fields, rows), chosen(fields)
    left_out = [field.name for field in fields if field not in used]
    if key is None:
        told.append("No column seems to name a row for good; set key if one does.")
    else:
        told.append(f"Rows are known by {key.name!r}, which came twice in none of the {rows} first rows.")
    blanks = [field.name for field in used if field.blank]
    if blanks:
        told.append(f"Some rows have no value for {', '.join(map(repr, blanks))}.")
    if left_out:
        told.append(f"Left out, as there are many columns or long values: {', '.join(map(repr, left_out))}.")
    return told
