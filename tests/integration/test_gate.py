"""The release gate with the real Great Expectations: sound records pass, and one spoiled record of each kind blocks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.errors import JobMissing
from synthmill.jobs.gate_reports import GateReportMissing, find_report, get_report, page_of
from synthmill.ports.records import Collection, Place
from synthmill.settings import Settings
from synthmill_flows.gate import engine
from synthmill_flows.gate.run import run_gate
from synthmill_flows.gate.show import gate_markdown, gate_rows
from synthmill_schemas.gate_report import GateReport, Outcome, Verdict
from tests.support.gated import Data, Spoil, finished_job, recipe
from tests.support.jobs import TENANT

pytestmark = pytest.mark.integration
SPOILED = 5
GATE = {
    "expectations": [
        {"expect": "length", "column": "ticket.subject", "maximum": 40, "name": "subjects are short"},
        {"expect": "pattern", "column": "ticket.note", "pattern": "^[^<]*$", "severity": "warn"},
        {"expect": "range", "column": "age", "minimum": 20, "mostly": 0.9},
        {"expect": "values", "column": "city", "values": ["Bonn", "Ulm", "Lyon", "Reno", "Erie"]},
        {"expect": "present", "column": "age"},
        {"expect": "order", "column": "closed", "after": "opened"},
        {"expect": "unique", "columns": ["country", "ticket.subject"]},
        {"expect": "shares", "column": "ticket.priority", "shares": {"low": 1.0}, "tolerance": 0},
        {"expect": "mean", "column": "price", "minimum": 10, "maximum": 90},
        {"expect": "distinct", "column": "ticket.subject", "minimum": 1},
    ]
}


@pytest.fixture(scope="module", autouse=True)
def _only_ours_may_warn() -> Iterator[None]:
    """What great_expectations, pandas and altair say of themselves is not about us."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    async with open_embedded(Settings(home=tmp_path / "home")) as opened:
        yield opened


async def gated(services: EmbeddedServices, job_id: str, spoil: Spoil | None = None, **changes: object) -> GateReport:
    """The report of a job of which one record was spoiled."""
    spoiled = {} if spoil is None else {SPOILED: spoil}
    await finished_job(services.store, job_id, recipe(**{"gate": GATE, **changes}), spoiled)
    return await run_gate(services, TENANT, job_id)


def failed(report: GateReport) -> dict[str, Outcome]:
    """The expectations that did not pass."""
    return {finding.name: finding.outcome for finding in report.failed}


async def test_sound_records_pass_and_the_report_is_stored_with_its_page(services: EmbeddedServices) -> None:
    report = await gated(services, "sound")
    assert (report.verdict, report.reason, report.failed) == (Verdict.PASSED, None, [])
    assert report.records == report.requested == 24
    assert await get_report(services.store, TENANT, "sound") == report
    page = await page_of(services, report)
    assert page is not None
    assert b"ticket.subject" in page
    assert b"<script" not in page.lower()
    assert b"<link" not in page.lower()
    assert b"default-src 'none'" in page


def change(path: str, value: object) -> Spoil:
    """Sets a leaf."""

    def spoil(data: Data) -> None:
        *above, last = path.split(".")
        for name in above:
            data = data[name]
        data[last] = value

    return spoil


def drop(name: str) -> Spoil:
    """Takes a column out."""
    return lambda data: data.pop(name)


def flip(data: Data) -> None:
    """Another country, so that two shares are off."""
    data["country"] = "US" if data["country"] != "US" else "DE"


SPOILS: list[tuple[str, Spoil, str]] = [
    ("wrong type", change("age", "41"), "age.type"),
    ("number of no integer", change("age", 41.5), "age.type"),
    ("truth as text", change("vip", "yes"), "vip.type"),
    ("null", change("price", None), "price.present"),
    ("missing column", drop("price"), "price.type"),
    ("missing property", lambda data: data["ticket"].pop("note"), "ticket.note.type"),
    ("foreign property", change("ticket.extra", 1), "schema"),
    ("value outside the set", change("country", "AT"), "country.values"),
    ("value outside the enum", change("ticket.priority", "urgent"), "ticket.priority.values"),
    ("value outside the declared set", change("city", "Oslo"), "city.values.2"),
    ("child of another parent", lambda data: data.update(country="DE", city="Lyon"), "city.pairs"),
    ("below the range", change("price", 0.5), "price.range"),
    ("above the range", change("age", 91), "age.range"),
    ("moment before the period", change("opened", "2025-12-31T00:00:00Z"), "opened.range"),
    ("no moment", change("closed", "soon"), "closed.pattern"),
    ("closed before opened", change("closed", "2025-12-31T00:00:00Z"), "closed.order"),
    ("too short", change("ticket.subject", "Tick"), "ticket.subject.length"),
    ("pattern", change("ticket.subject", "A letter"), "ticket.subject.pattern"),
    ("too many items", change("ticket.tags", ["a", "b", "c", "d"]), "ticket.tags.length"),
    ("no uuid", change("id", "7"), "id.pattern"),
    ("declared length", change("ticket.subject", "Ticket " + "x" * 40), "subjects are short"),
]
"""Each on a slot of its own, by its place in this list; the engine names the first five of an expectation."""


async def test_a_spoiled_record_blocks_by_the_expectation_of_its_kind_and_is_named(services: EmbeddedServices) -> None:
    spoils = {slot: spoil for slot, (_, spoil, _) in enumerate(SPOILS)}
    await finished_job(services.store, "spoiled", recipe(gate=GATE), spoils)
    report = await run_gate(services, TENANT, "spoiled")
    assert report.verdict is Verdict.BLOCKED
    found = {finding.name: finding for finding in report.failed}
    assert [name for name, finding in found.items() if finding.outcome is Outcome.BROKEN] == []
    named = {name: {example.record_id for example in finding.examples} for name, finding in found.items()}
    unnoticed = [
        kind
        for slot, (kind, _, name) in enumerate(SPOILS)
        if f"spoiled-{slot}" not in named.get(name, ()) and name != "schema"
    ]
    assert unnoticed == []
    # Whatever breaks the schema breaks it here as well, wherever else it is noticed.
    assert (found["schema"].unexpected or 0) >= 10


WHOLES: list[tuple[str, Spoil, set[str]]] = [
    ("foreign column", change("extra", 1), {"columns", "schema"}),
    ("item of another type", change("ticket.tags", [1]), {"schema"}),
    ("quota", flip, {"country.shares", "city.pairs"}),
    ("declared share", change("ticket.priority", "high"), {"ticket.priority.shares"}),
]


@pytest.mark.parametrize(("spoil", "wanted"), [case[1:] for case in WHOLES], ids=[case[0] for case in WHOLES])
async def test_one_spoiled_record_of_a_sound_job_blocks_by_nothing_else(
    services: EmbeddedServices, spoil: Spoil, wanted: set[str]
) -> None:
    report = await gated(services, "spoiled", spoil)
    assert (report.verdict, failed(report).keys()) == (Verdict.BLOCKED, wanted)
    assert all(name in str(report.reason) for name in wanted)


async def test_a_mean_that_is_off_blocks(services: EmbeddedServices) -> None:
    off = {"expectations": [{"expect": "mean", "column": "price", "maximum": 2}]}
    report = await gated(services, "mean", gate=off)
    assert list(failed(report)) == ["price.mean"]
    assert isinstance(report.failed[0].observed, float)


async def test_a_record_twice_blocks_by_all_that_must_be_unique(services: EmbeddedServices) -> None:
    first: Data = {}
    spoils = {3: first.update, 4: lambda data: data.update(first)}
    await finished_job(services.store, "twice", recipe(gate=GATE), spoils)
    report = await run_gate(services, TENANT, "twice")
    found = failed(report)
    assert {"id.unique", "unique", "(country, ticket.subject).unique", "ticket.subject.distinct"} <= found.keys()
    (content,) = [finding for finding in report.failed if finding.name == "unique"]
    assert {example.record_id for example in content.examples} == {"twice-3", "twice-4"}


async def test_a_missing_record_blocks_and_a_parked_one_only_warns(services: EmbeddedServices) -> None:
    await finished_job(services.store, "parked", recipe(), parked_slots=2)
    report = await run_gate(services, TENANT, "parked")
    assert (report.verdict, list(failed(report))) == (Verdict.PASSED_WITH_WARNINGS, ["rows.2"])
    job = await finished_job(services.store, "short", recipe())
    await services.store.delete(Place(TENANT, Collection.SLOTS, job.dataset), ["short-7"])
    report = await run_gate(services, TENANT, "short")
    assert report.verdict is Verdict.BLOCKED
    assert "rows" in failed(report)
    assert "23" in str([finding.observed for finding in report.failed])


async def test_a_column_that_no_record_has_blocks_and_is_told_once(services: EmbeddedServices) -> None:
    await finished_job(services.store, "bare", recipe(), dict.fromkeys(range(24), drop("price")))
    report = await run_gate(services, TENANT, "bare")
    found = failed(report)
    assert (report.verdict, found["columns"]) == (Verdict.BLOCKED, Outcome.FAILED)
    assert {name for name, outcome in found.items() if outcome is Outcome.BROKEN} >= {"price.range", "price.type"}


async def test_a_value_outside_a_long_list_blocks_and_is_named(services: EmbeddedServices) -> None:
    listed = {"expectations": [{"expect": "values", "column": "age", "values": list(range(18, 91))}]}
    report = await gated(services, "long", change("age", 91), gate=listed)
    (finding,) = [finding for finding in report.failed if finding.origin == "gate"]
    assert finding.name == "age.values"
    assert [(example.record_id, example.value) for example in finding.examples] == [(f"long-{SPOILED}", {"value": 91})]


async def test_many_expectations_are_asked_in_portions_and_told_as_one(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PORTION", 9)
    report = await gated(services, "portions", change("age", 91))
    assert list(failed(report)) == ["schema", "age.range"]
    page = await page_of(services, report)
    assert page is not None
    assert all(name.encode() in page for name in ("country", "age", "ticket.subject"))


async def test_a_warning_releases_with_warnings(services: EmbeddedServices) -> None:
    report = await gated(services, "warned", change("ticket.note", "<b>"))
    assert report.verdict is Verdict.PASSED_WITH_WARNINGS
    assert list(failed(report)) == ["ticket.note.pattern"]
    (finding,) = report.failed
    assert [(example.record_id, example.value) for example in finding.examples] == [(f"warned-{SPOILED}", "<b>")]
    assert "ticket.note.pattern" in (report.reason or "")


async def test_what_is_mostly_so_may_be_otherwise_now_and_then(services: EmbeddedServices) -> None:
    old = {"expectations": [{"expect": "range", "column": "age", "minimum": 20, "mostly": 0.9}]}
    assert (await gated(services, "one", change("age", 19), gate=old)).verdict is Verdict.PASSED
    spoils = dict.fromkeys(range(4), change("age", 19))
    await finished_job(services.store, "four", recipe(gate=old), spoils)
    assert list(failed(await run_gate(services, TENANT, "four"))) == ["age.range.2"]


async def test_the_same_records_give_the_same_report_and_others_another(services: EmbeddedServices) -> None:
    first = await gated(services, "again")
    second = await run_gate(services, TENANT, "again")
    assert first.report_id == second.report_id
    assert first.model_dump(exclude={"at", "seconds"}) == second.model_dump(exclude={"at", "seconds"})
    await services.store.delete(Place(TENANT, Collection.SLOTS, "tickets"), ["again-0"])
    third = await run_gate(services, TENANT, "again")
    assert third.report_id != first.report_id
    assert (await get_report(services.store, TENANT, "again")).report_id == third.report_id


async def test_two_gates_at_once_do_not_meet(services: EmbeddedServices) -> None:
    await finished_job(services.store, "left", recipe())
    await finished_job(services.store, "right", recipe(), {SPOILED: change("age", 91)})
    left, right = await asyncio.gather(run_gate(services, TENANT, "left"), run_gate(services, TENANT, "right"))
    assert (left.verdict, right.verdict) == (Verdict.PASSED, Verdict.BLOCKED)


async def test_rows_and_words_for_people_begin_with_what_failed(services: EmbeddedServices) -> None:
    report = await gated(services, "shown", change("ticket.subject", "Ti|ck <b>et"))
    rows = gate_rows(report)
    assert rows[0]["outcome"] == "failed"
    assert len(rows) == len(report.findings)
    text = gate_markdown(report)
    assert text.startswith("# tickets: blocked\n")
    assert "Ti\\|ck \\<b>et" in text


async def test_a_job_that_is_not_there_and_one_that_was_not_gated_are_told_apart(services: EmbeddedServices) -> None:
    with pytest.raises(JobMissing):
        await run_gate(services, TENANT, "nobody")
    await finished_job(services.store, "fresh", recipe())
    assert await find_report(services.store, TENANT, "fresh") is None
    with pytest.raises(GateReportMissing, match="has not run for job fresh"):
        await get_report(services.store, TENANT, "fresh")
