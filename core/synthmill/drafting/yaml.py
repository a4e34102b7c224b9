"""The parts that every starter recipe has, and how a value is written in YAML."""

import json
import re
import shlex
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ ./-]*(?<! )")
_OTHER_MEANING = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_DATASET = re.compile(r"[^a-z0-9_-]+")


def scalar(text: str) -> str:
    """Text as YAML: plain where it can be read in one way only, else in JSON's quotes, which YAML reads alike."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_MEANING:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def dataset_name(path: Path) -> str:
    """The file's name as a dataset's name."""
    plain = _DATASET.sub("-", path.stem.lower()).strip("-_")
    named = plain if plain[:1].isalpha() else f"data-{plain}"
    return named[:60].rstrip("-_") or "data"


def head(path: Path, recipe: str, what: str) -> str:
    """How to use the recipe, its name and its seed."""
    name, file = scalar(path.name), shlex.quote(str(path))
    return f"""\
# A starter recipe for {name}: {what}.
# Everything here is a guess from the first rows; change what does not suit.
#
#   synthmill preview {shlex.quote(recipe)} --input {file}
#   synthmill run {shlex.quote(recipe)} --input {file}
#
# `synthmill schema` prints what a recipe may hold; an editor can complete by it.
version: 1
name: {dataset_name(path)}  # the dataset
seed: 1  # the same seed draws the same values again
"""


MODEL = """\
model:
  # Writes without a network or a key, to try things out: the form is right, the words mean nothing.
  # A real one, e.g.:
  #   route: openai/gpt-5-mini, with the key in the environment variable OPENAI_API_KEY
  #   route: llama3.2 with base_url: http://127.0.0.1:11434/v1, or any other OpenAI-compatible URL
  route: offline/fake-1
  parameters: {temperature: 0.8}
"""


def qa_columns(schema: str) -> str:
    """The schema of a question and its answer, and both as columns of their own."""
    return f"""\
    schema:
      type: object
      additionalProperties: false
{schema}
  - {{kind: expression, name: question, template: "{{{{ qa.question }}}}"}}
  - {{kind: expression, name: answer, template: "{{{{ qa.answer }}}}"}}
"""
