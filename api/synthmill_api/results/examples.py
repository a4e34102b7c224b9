"""What answers about results look like, for the OpenAPI document."""

from synthmill_schemas.base import JsonObject

_JOB = "3f0c9a52-6a1e-4c7f-9d53-0b8e2f6f4f11"
_AT = "2026-05-04T10:20:30.456Z"
_LINEAGE: JsonObject = {
    "source": "products.csv",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "row": 8,
    "line": 9,
    "char_start": None,
    "char_end": None,
    "page": None,
    "sheet": None,
    "headings": [],
}
_COST: JsonObject = {"prompt_tokens": 212, "completion_tokens": 61, "cost_usd": 0.0004}

RECORD: JsonObject = {
    "id": f"{_JOB}-7",
    "slot": 7,
    "data": {"title": "Desk lamp", "review": {"stars": 4, "text": "Bright enough."}},
}
PAGE: JsonObject = {
    "items": [RECORD],
    "total": 312,
    "cursor": "WyJzbG90IiwgNywgIjNmMGM5YTUyLTcuIl0=",
    "facets": {"review.stars": {"4": 200, "5": 112}},
}
CALL: JsonObject = {
    "id": "01JV4Q",
    "round": 1,
    "outcome": "answered",
    "rung": "json_schema",
    "route": "openai/gpt-5-mini",
    "model": "gpt-5-mini-2026-03-01",
    "seed": 1234,
    "prompt_hash": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    "latency_ms": 812,
    "at": _AT,
    **_COST,
}
REJECT: JsonObject = {
    "id": f"{_JOB}-7-1-1",
    "record_id": f"{_JOB}-7",
    "round": 1,
    "attempt": 1,
    "reject_class": "schema",
    "reason": "review.stars: 9 is greater than the maximum of 5",
    "raw": '{"review": {"stars": 9, "text": "Great."}}',
    "lineage": _LINEAGE,
    "call_id": "01JV4P",
    "at": _AT,
    **_COST,
}
REJECTS: JsonObject = {"items": [REJECT], "total": 3, "cursor": None, "classes": {"schema": 3, "parse": 1}}

_ORIGIN: JsonObject = {
    "attributes": {"title": "Desk lamp", "stars": 4},
    "lineage": _LINEAGE,
    "seed": {"id": "b7e1", "data": {"title": "Desk lamp"}, "lineage": _LINEAGE},
    "prompts": {"columns": {"review": "A review of Desk lamp with 4 stars."}, "system": None},
    "calls": [{**CALL, "id": "01JV4P"}, CALL],
    "rejects": [REJECT],
    "spent": {"prompt_tokens": 424, "completion_tokens": 122, "cost_usd": 0.0008},
}
STORY: JsonObject = {
    **RECORD,
    **_ORIGIN,
    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "provenance": {
        "route": "openai/gpt-5-mini",
        "model": "gpt-5-mini-2026-03-01",
        "parameters": {"temperature": 0.8},
        "prompt_hash": CALL["prompt_hash"],
        "call_id": CALL["id"],
        "seed": 1234,
        "round": 1,
        "attempt": 2,
        "rung": "json_schema",
        "repairs": [],
        "recipe_hash": "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
        "consumer": "synthmill-consumer 0.1.0",
        **_COST,
    },
    "written_at": _AT,
    "call": CALL,
}
REJECT_STORY: JsonObject = {
    **REJECT,
    "slot_story": {
        **_ORIGIN,
        "record_id": f"{_JOB}-7",
        "slot": 7,
        "state": "accepted",
        "round": 1,
        "reason": None,
    },
}
