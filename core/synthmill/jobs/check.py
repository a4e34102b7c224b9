"""Checks a finished job by reading every slot: exactly N, all valid, none twice."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import jsonschema_rs

from synthmill.jobs.documents import get_job
from synthmill.ports.records import Collection, Place, RecordStore
from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.ids import record_id
from synthmill_schemas.slot import SlotState

_FAULTS_SHOWN = 20


@dataclass(slots=True)
class CheckReport:
    """What the scan found; `faults` holds the first few in words."""

    requested: int
    accepted: int = 0
    exhausted: int = 0
    parked: int = 0
    fault_count: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """All N accepted and nothing wrong."""
        return self.accepted == self.requested and self.fault_count == 0

    def blame(self, fault: str) -> None:
        """Notes a fault; only the first few are kept in words."""
        self.fault_count += 1
        if len(self.faults) < _FAULTS_SHOWN:
            self.faults.append(fault)


async def check(store: RecordStore, tenant: str, job_id: str) -> CheckReport:
    """Scans all slots of the job; memory is one byte per slot."""
    job = (await get_job(store, tenant, job_id)).document
    compiled = recompile(job.recipe)
    report = CheckReport(job.records or 0)
    place = Place(tenant, Collection.SLOTS, job.dataset)
    await store.visible(place)
    await _scan_slots(store, place, job_id, compiled, report)
    if compiled.unique:
        await _scan_contents(store, place, job_id, report)
    return report


async def _scan_slots(
    store: RecordStore, place: Place, job_id: str, compiled: CompiledRecipe, report: CheckReport
) -> None:
    validator = jsonschema_rs.validator_for(compiled.record_schema, offline=True)
    seen = bytearray(report.requested)
    async for stored in store.scan(place, {"job_id": job_id}):
        slot, state = stored.document["slot"], SlotState(stored.document["state"])
        if stored.id != record_id(job_id, slot) or slot >= report.requested or seen[slot]:
            report.blame(f"{stored.id} is not one of the {report.requested} slots, or there twice")
            continue
        seen[slot] = 1
        _count(report, state)
        if state is SlotState.ACCEPTED:
            for fault in _faults(validator, stored.document["data"]):
                report.blame(f"{stored.id}: {fault}")
    missing = report.requested - sum(seen)
    if missing:
        report.blame(f"{missing} slots have no outcome, the first is {seen.index(0)}")


def _count(report: CheckReport, state: SlotState) -> None:
    match state:
        case SlotState.ACCEPTED:
            report.accepted += 1
        case SlotState.EXHAUSTED:
            report.exhausted += 1
        case SlotState.PARKED:
            report.parked += 1


def _faults(validator: jsonschema_rs.Validator, data: object) -> Iterator[str]:
    for error in validator.iter_errors(data):
        path = ".".join(str(part) for part in error.instance_path) or "(record)"
        yield f"{path}: {error.message}"


async def _scan_contents(store: RecordStore, place: Place, job_id: str, report: CheckReport) -> None:
    """Equal contents stand side by side in a scan sorted by their hash."""
    before: str | None = None
    where = {"job_id": job_id, "state": SlotState.ACCEPTED.value}
    async for stored in store.scan(place, where, sort="content_hash"):
        content = stored.document["content_hash"]
        if content == before:
            report.blame(f"{stored.id} has the content of another record")
        before = content
