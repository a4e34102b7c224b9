"""What clients see of records, rejects and events."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from synthmill.ports.records import Document
from synthmill.records.fields import picked
from synthmill.records.search import Found
from synthmill.records.story import Story
from synthmill_api.kit.pages import Listing
from synthmill_api.results import examples
from synthmill_schemas.event import Level
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.seed import Lineage
from synthmill_schemas.slot import Provenance, RejectClass, Rung, SlotState


class RecordItem(BaseModel):
    """A record in a list."""

    id: str
    slot: int
    data: dict[str, Any] = Field(description="the recipe's columns")

    @classmethod
    def of(cls, document: Document, fields: Sequence[str] = ()) -> "RecordItem":
        """From an accepted slot; of its data only these fields, where any are named."""
        data = picked(document["data"], fields) if fields else document["data"]
        return cls(id=document["record_id"], slot=document["slot"], data=data)


class RecordPage(Listing[RecordItem]):
    """A page of records, with the facets that were asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PAGE]})

    facets: dict[str, dict[str, int]] = Field(description="by field: values and how many matching records hold each")

    @classmethod
    def found(cls, found: Found) -> "RecordPage":
        """From what a search found."""
        return cls(
            items=[RecordItem.of(hit.document, found.fields) for hit in found.page.hits],
            total=found.page.total,
            cursor=found.page.cursor,
            facets={name: dict(values) for name, values in found.facets.items()},
        )


class Reject(BaseModel):
    """A failed attempt, or a row of the input that was left out."""

    id: str
    record_id: str | None = Field(description="none: a row, which has no record")
    round: int
    attempt: int
    reject_class: RejectClass
    reason: str
    raw: str | None = Field(description="the answer or row as it came, cut at 20,000 characters; not trustworthy text")
    lineage: Lineage | None
    call_id: str | None = Field(description="none: it failed before any call, or is a row")
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Reject":
        """From a reject's document."""
        return cls.model_validate({**document, "id": document["reject_id"]})


class RejectPage(Listing[Reject]):
    """A page of rejects, with the counts by class of all that the job has."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REJECTS]})

    classes: dict[RejectClass, int] = Field(description="by class, whatever the filters say")


class Call(BaseModel):
    """The LLM call that a record came from, with other records of the same call."""

    id: str
    round: int
    outcome: CallOutcome
    rung: Rung = Field(description="how the answer's form was asked for")
    route: str
    model: str | None = Field(description="the name that the provider answered with")
    seed: int
    prompt_hash: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    latency_ms: int
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Call":
        """From a call's document."""
        return cls.model_validate({**document, "id": document["call_id"]})


class SeedRow(BaseModel):
    """The row or chunk of the input that a record was made from."""

    id: str
    data: dict[str, Any]
    lineage: Lineage

    @classmethod
    def of(cls, document: Document) -> "SeedRow":
        """From a seed's document."""
        return cls.model_validate({**document, "id": document["seed_id"]})


class RenderedPrompts(BaseModel):
    """What the model was asked to write for this slot."""

    columns: dict[str, str] = Field(description="by column, with the slot's attributes filled in")
    system: str | None = Field(description="the recipe's standing instruction")


class SpentShare(BaseModel):
    """A slot's share of what its calls took, failed attempts included."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None = Field(description="none: unknown for one of them")


class _Origin(BaseModel):
    """What is told of a slot beside its content."""

    attributes: dict[str, Any] = Field(description="what was drawn before any call")
    lineage: Lineage | None = Field(description="file, sheet, row or offsets; none: the recipe reads no input")
    seed: SeedRow | None = Field(description="none: the recipe reads no input, or it was deleted")
    prompts: RenderedPrompts | None = Field(description="none: their recipe is not kept any more")
    calls: list[Call] = Field(description="of the failed attempts and of the one that succeeded, the first first")
    rejects: list[Reject] = Field(description="the attempts that failed, with class and reason, the first first")
    spent: SpentShare


class RecordStory(RecordItem, _Origin):
    """A record and where it came from: row, attributes, prompts, model, attempts, cost."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STORY]})

    content_hash: str
    provenance: Provenance
    written_at: datetime
    call: Call | None = Field(description="the call that made it; none: no call was needed")

    @classmethod
    def told(cls, story: Story) -> "RecordStory":
        """From an accepted slot's story."""
        call_id = story.slot["provenance"]["call_id"]
        call = next((Call.of(each) for each in story.calls if each["call_id"] == call_id), None)
        return cls.model_validate({**story.slot, "id": story.slot["record_id"], **_origin(story), "call": call})


class SlotStory(_Origin):
    """What became of a reject's slot, and everything that was tried for it."""

    record_id: str
    slot: int
    state: SlotState
    round: int
    reason: str | None = Field(description="why it was given up")


class RejectStory(Reject):
    """A reject with the story of its slot."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REJECT_STORY]})

    slot_story: SlotStory | None = Field(description="none: a row, or the slot is not decided yet")

    @classmethod
    def told(cls, document: Document, story: Story | None) -> "RejectStory":
        """From a reject's document and its slot's story."""
        slot = None if story is None else SlotStory.model_validate({**story.slot, **_origin(story)})
        return cls.model_validate({**document, "id": document["reject_id"], "slot_story": slot})


def _origin(story: Story) -> dict[str, object]:
    prompts = story.prompts
    return {
        "seed": None if story.seed is None else SeedRow.of(story.seed),
        "prompts": None if prompts is None else RenderedPrompts(columns=dict(prompts.columns), system=prompts.system),
        "calls": [Call.of(document) for document in story.calls],
        "rejects": [Reject.of(document) for document in story.rejects],
        "spent": SpentShare.model_validate(asdict(story.spent)),
    }


class Event(BaseModel):
    """Something that happened to a job."""

    id: str
    service: str
    name: str = Field(description="e.g. job.planned")
    level: Level
    message: str
    fields: dict[str, Any]
    at: datetime

    @classmethod
    def of(cls, document: Document) -> "Event":
        """From an event's document."""
        return cls.model_validate({**document, "id": document["event_id"]})
