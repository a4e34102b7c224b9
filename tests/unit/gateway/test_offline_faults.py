"""Each knob can be seen at work, strikes as often as asked, and does so for the same requests every time."""

import json
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest

from synthmill_gateway.offline import Answer, Finish, Knobs, OfflineError, OfflineModel
from synthmill_gateway.offline.knobs import KnobsRefused, from_environment
from synthmill_gateway.offline.spoil import Kind
from tests.support.offline import TICKET, ask, batch, body

BATCH = batch(TICKET, 6)


def spoilt(schema: dict[str, Any], seed: int = 1, **knobs: float) -> Answer:
    return ask(schema, seed=seed, offline=knobs)


def is_valid(schema: dict[str, Any], content: str | None) -> bool:
    return jsonschema_rs.is_valid(schema, json.loads(content or ""))


def test_a_rate_limit_is_a_429_with_retry_after() -> None:
    with pytest.raises(OfflineError) as refused:
        spoilt(TICKET, rate_limit=1, retry_after=2.5)
    assert (refused.value.status, refused.value.retry_after, refused.value.code) == (429, 2.5, "rate_limit")


def test_a_failure_is_a_500_after_the_latency() -> None:
    with pytest.raises(OfflineError) as refused:
        spoilt(TICKET, fail=1, latency_ms=30)
    assert (refused.value.status, refused.value.delay, refused.value.code) == (500, 0.03, "fail")


def test_a_request_turned_away_is_thrown_anew_when_sent_again() -> None:
    model = OfflineModel(Knobs())
    request = body(TICKET, offline={"rate_limit": 0.9})
    outcomes = []
    for _ in range(200):
        try:
            model.answer(request)
            outcomes.append(200)
        except OfflineError as error:
            outcomes.append(error.status)
    assert 5 < outcomes.count(200) < 60


def test_latency_and_jitter_add_up() -> None:
    delays = [spoilt(TICKET, seed, latency_ms=100, jitter_ms=50).delay for seed in range(50)]
    assert min(delays) >= 0.1
    assert max(delays) <= 0.15
    assert len(set(delays)) > 40


def test_truncate_cuts_the_json() -> None:
    answer = spoilt(BATCH, truncate=1)
    assert answer.reply.finish is Finish.LENGTH
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.reply.content or "")
    assert (ask(BATCH).reply.content or "").startswith(answer.reply.content or "-")


def test_fence_wraps_a_valid_answer() -> None:
    content = spoilt(BATCH, fence=1).reply.content or ""
    before, inside, after = content.split("```")
    assert before.strip()
    assert after.strip()
    assert is_valid(BATCH, inside.removeprefix("json"))


def test_wrong_enum_breaks_one_enum_in_case_or_by_invention() -> None:
    moods = []
    for seed in range(40):
        answer = spoilt(TICKET, seed, wrong_enum=1)
        right, wrong = json.loads(ask(TICKET, seed=seed).reply.content or ""), json.loads(answer.reply.content or "")
        assert {**wrong, "priority": right["priority"]} == right
        assert wrong["priority"] not in ("low", "medium", "high")
        moods.append(wrong["priority"].lower() == right["priority"])
    assert {True, False} == set(moods)


def test_wrong_enum_leaves_the_index_alone() -> None:
    schema = batch(TICKET, 3, {"enum": [4, 5, 6]})
    for seed in range(30):
        items = json.loads(spoilt(schema, seed, wrong_enum=1).reply.content or "")["items"]
        assert [item["index"] for item in items] == [4, 5, 6]


def test_extra_keys_adds_properties_nobody_asked_for() -> None:
    content = spoilt(BATCH, extra_keys=1).reply.content
    assert not is_valid(BATCH, content)
    assert all(len(item) == 5 for item in json.loads(content or "")["items"])


@pytest.mark.parametrize("seed", range(10))
def test_half_valid_breaks_half_the_items_and_says_which(seed: int) -> None:
    answer = spoilt(BATCH, seed, half_valid=1)
    items = json.loads(answer.reply.content or "")["items"]
    item_schema = BATCH["properties"]["items"]["items"]
    broken = {at for at, item in enumerate(items) if not jsonschema_rs.is_valid(item_schema, item)}
    assert broken == answer.reply.spoilt
    assert len(broken) == 3
    assert [item["index"] for item in items] == list(range(6))


def test_refuse_has_a_refusal_and_no_content() -> None:
    reply = spoilt(TICKET, refuse=1).reply
    assert reply.content is None
    assert reply.refusal


def test_text_is_not_json() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoilt(TICKET, text=1).reply.content or "")


def test_broken_picks_all_kinds_that_fit() -> None:
    kinds = Counter(spoilt(BATCH, seed, broken=1).fault for seed in range(400))
    assert set(kinds) == set(Kind)
    assert min(kinds.values()) > 25


def test_broken_leaves_out_what_does_not_fit() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
    kinds = {spoilt(schema, seed, broken=1).fault for seed in range(200)}
    assert kinds == set(Kind) - {Kind.WRONG_ENUM, Kind.HALF_VALID}


def test_a_knob_strikes_as_often_as_asked() -> None:
    struck = sum(spoilt(TICKET, seed, fence=0.3).fault is Kind.FENCE for seed in range(1_000))
    assert 240 < struck < 360


def test_a_request_asked_again_in_other_words_is_thrown_anew() -> None:
    again = [ask(TICKET, user=f"Once more, try {number}.", offline={"text": 0.5}).fault for number in range(40)]
    assert set(again) == {None, Kind.TEXT}


def test_attempt_ids_change_the_throw() -> None:
    faults = [ask(TICKET, attempt_ids=f"job-0-0-{number}", offline={"text": 0.5}).fault for number in range(40)]
    assert set(faults) == {None, Kind.TEXT}


def test_the_same_request_has_the_same_fault() -> None:
    assert spoilt(BATCH, 5, broken=1) == spoilt(BATCH, 5, broken=1)


def test_max_tokens_cuts_an_answer() -> None:
    answer = ask(TICKET, max_tokens=10)
    assert answer.reply.finish is Finish.LENGTH
    assert answer.completion_tokens == 10


def test_an_unknown_knob_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(OfflineError, match=r"`latncy` is no knob.*latency_ms") as refused:
        ask(TICKET, offline={"latncy": 1})
    assert refused.value.status == 400


@pytest.mark.parametrize("given", [{"fail": 1.5}, {"latency_ms": -1}, {"fence": "often"}, {"fail": float("nan")}, [1]])
def test_a_knob_out_of_range_is_refused(given: object) -> None:
    with pytest.raises(OfflineError) as refused:
        ask(TICKET, offline=given)
    assert refused.value.status == 400


def test_the_environment_gives_defaults_that_a_request_overrules() -> None:
    defaults = from_environment(
        {"SYNTHMILL_OFFLINE__LATENCY_MS": "250", "SYNTHMILL_OFFLINE__FENCE": "0.5", "HOME": "/"}
    )
    assert (defaults.latency_ms, defaults.fence) == (250, 0.5)
    assert defaults.merged({"fence": 0}) == Knobs(latency_ms=250, fence=0)


def test_a_misspelt_variable_stops_the_start() -> None:
    with pytest.raises(KnobsRefused, match=r"SYNTHMILL_OFFLINE__.*latency"):
        from_environment({"SYNTHMILL_OFFLINE__LATENCY": "250"})


def test_messages_are_needed() -> None:
    for messages in ([], None, ["hello"]):
        with pytest.raises(OfflineError, match="messages"):
            ask(TICKET, messages=messages)
