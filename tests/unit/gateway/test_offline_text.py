"""The offline model's texts: repeatable, different from each other, and about the prompt."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.offline import PASSAGE, TICKET, ask, value

ONE_TEXT = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}


def test_the_same_body_gets_the_same_answer() -> None:
    assert ask(TICKET) == ask(TICKET)


def test_the_same_body_gets_the_same_bytes_in_another_process() -> None:
    schema = {
        "type": "object",
        "required": ["a", "b", "c"],
        "properties": {"a": {"type": "string", "pattern": "^[^a-m]{8}$"}, "b": TICKET, "c": {"format": "date-time"}},
    }
    code = f"from tests.support.offline import ask; print(ask({schema!r}).reply.content)"
    prints = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert prints[0] == prints[1]


def test_another_seed_model_or_prompt_gets_other_content() -> None:
    answers = {
        ask(TICKET).reply.content,
        ask(TICKET, seed=2).reply.content,
        ask(TICKET, user=f"{PASSAGE} Thanks.").reply.content,
        ask(TICKET, model="offline/fake-2").reply.content,
    }
    assert len(answers) == 4


def test_attempt_ids_do_not_change_content() -> None:
    assert ask(TICKET, attempt_ids="a").reply == ask(TICKET, attempt_ids="b").reply


def test_two_thousand_tickets_are_distinct() -> None:
    made = [value(TICKET, seed=seed) for seed in range(2_000)]
    assert len({json.dumps(ticket) for ticket in made}) > 1_990
    assert len({ticket["body"] for ticket in made}) > 1_990
    assert len({ticket["subject"] for ticket in made}) > 1_990


def test_two_thousand_single_questions_are_distinct() -> None:
    assert len({value(ONE_TEXT, seed=seed)["question"] for seed in range(2_000)}) > 1_980


def test_texts_are_no_near_duplicates() -> None:
    texts = [value(TICKET, seed=seed)["body"].split() for seed in range(300)]
    shingles = [{tuple(words[i : i + 3]) for i in range(len(words) - 2)} for words in texts]
    nearest = max(
        len(one & two) / len(one | two) for at, one in enumerate(shingles) for two in shingles[:at] if one and two
    )
    assert nearest < 0.5


def test_texts_mention_the_prompt() -> None:
    words = {"Orpheus", "customer", "drum", "warranty", "rented", "spin", "nearest", "neighbours"}
    mentioning = sum(any(word in value(TICKET, seed=seed)["body"] for word in words) for seed in range(100))
    assert mentioning > 80


def test_a_quotation_is_verbatim() -> None:
    schema = {"type": "object", "required": ["evidence"], "properties": {"evidence": {"type": "string"}}}
    for seed in range(20):
        assert value(schema, seed=seed)["evidence"] in PASSAGE


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("customer_email", r"[^@\s]+@[^@\s]+"),
        ("createdAt", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("due_date", r"\d{4}-\d\d-\d\d"),
        ("author", r"\S+ \S+"),
        ("question", r".+\?"),
        ("order_id", r"[0-9a-f-]{36}"),
        ("zip", r"\d{5}"),
    ],
)
def test_a_property_name_tells_what_its_text_is(name: str, pattern: str) -> None:
    schema = {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "string"}},
    }
    for seed in range(20):
        assert re.fullmatch(pattern, value(schema, seed=seed)[name])


def test_without_a_schema_the_answer_is_prose() -> None:
    content = ask().reply.content
    assert content
    assert content.count(". ") >= 1
    assert not content.startswith("{")


def test_json_mode_finds_the_schema_in_the_prompt() -> None:
    system = f"Answer by this JSON Schema:\n```json\n{json.dumps(TICKET)}\n```\n"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": PASSAGE}]
    for more in ({"response_format": {"type": "json_object"}}, {}):
        content = ask(messages=messages, **more).reply.content or ""
        assert sorted(json.loads(content)) == ["body", "priority", "subject"]


def test_json_mode_without_a_schema_is_an_object_with_a_text() -> None:
    content = ask(response_format={"type": "json_object"}).reply.content or ""
    assert list(json.loads(content)) == ["text"]


def test_messages_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": PASSAGE}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    answer = ask(TICKET, messages=[{"role": "user", "content": parts}])
    assert answer.prompt_tokens == -(-len(PASSAGE) // 4)


def test_usage_counts_four_characters_a_token() -> None:
    answer = ask(TICKET)
    assert answer.prompt_tokens == -(-(len("You write records.") + len(PASSAGE)) // 4)
    assert answer.completion_tokens == -(-len(answer.reply.content or "") // 4)
