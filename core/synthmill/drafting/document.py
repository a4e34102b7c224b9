"""A starter recipe for text: a question that each passage answers, the answer, and the sentence it rests on."""

from pathlib import Path

from synthmill.drafting.yaml import MODEL, head, qa_columns

_SCHEMA = """\
      required: [question, answer, quote]
      properties:
        question: {type: string, minLength: 10, maxLength: 300}
        answer: {type: string, minLength: 10, maxLength: 900}
        quote: {type: string, minLength: 10, maxLength: 600}
"""

_INPUT = """\
input:
  # Characters. Passages end at headings and paragraphs where they can.
  chunking: {size: 1500, overlap: 0}

seeds:
  records_per_seed: 2  # for each passage; target: {records: 200} would say how many in all
"""

_COLUMNS = """\
columns:
  - {kind: source, name: passage, field: text}
  - {kind: source, name: headings}

  - kind: sampler  # drawn for each record: variety without asking the model for it
    name: difficulty
    sampler:
      type: category
      values: [one sentence answers it, two places must be put together, it starts from a problem]
      weights: [3, 2, 1]

  - kind: llm
    name: qa
    drop: true  # its parts become columns below
    prompt: |
      {{ headings|join(" > ") }}

      {{ passage }}

      Write one question that this passage answers, and the answer. The question: {{ difficulty }}.
      The answer must follow from the passage alone. Quote the sentence that it rests on, word for word.
"""


def document_recipe(path: Path, recipe: str) -> str:
    """The text of the recipe."""
    columns = _COLUMNS + qa_columns(_SCHEMA) + '  - {kind: expression, name: quote, template: "{{ qa.quote }}"}\n'
    return "\n".join([head(path, recipe, "questions and answers from its passages"), _INPUT, MODEL, columns])
