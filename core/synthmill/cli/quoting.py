"""What `synthmill quote` does: a small job in a folder of its own, and what the whole would take by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from synthmill.cli import consoles, words
from synthmill.cli.boundary import complain
from synthmill.cli.panel import facts
from synthmill.cli.preview.make import worked
from synthmill.cli.session import exit_code
from synthmill.errors import SynthmillError
from synthmill.jobs.drive import has_outcome
from synthmill.jobs.order import InputFile, new_job_id
from synthmill.jobs.quote import make_quote, quote_order
from synthmill.jobs.status import Status, job_status
from synthmill.recipes import CompiledRecipe
from synthmill.settings import Settings
from synthmill_schemas.quote import Interval, QuoteReport

Row = tuple[str, str, str]
Shown = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Quoted:
    """How the small job ended; `report` is None when no slot came to an outcome."""

    status: Status
    report: QuoteReport | None
    failure: SynthmillError | None


async def quoted(settings: Settings, compiled: CompiledRecipe, files: Sequence[InputFile], slots: int) -> Quoted:
    """Makes at most so many slots; the settings' home is a folder that the caller removes."""
    job_id, report = new_job_id(), None
    order = quote_order(settings.tenant, job_id, compiled, files, slots, None)
    async with worked(settings, order) as (services, failure):
        status = await job_status(services.store, order.tenant, job_id)
        if has_outcome(status):
            report = await make_quote(services, order.tenant, job_id)
        return Quoted(status, report, failure)


def tell(quote: Quoted, *, as_json: bool) -> int:
    """Prints it and answers the exit code: 0 when there is a quote, even if some tries failed."""
    report = quote.report
    if report is None:
        complain(str(quote.failure or quote.status.reason or f"the quote's job is {quote.status.state}"))
        return exit_code(quote.status, quote.failure)
    if as_json:
        consoles.print_json(
            report.model_dump(mode="json", exclude={"version", "tenant", "kind", "report_id", "job_id"})
        )
        return 0
    tried = f"from {words.counted(report.slots, 'slot')}, {words.counted(report.candidates, 'try', 'tries')}"
    title = Text.assemble((report.dataset, "name"), "  ", f"{report.records:,} records, {tried}")
    lines: list[RenderableType] = [title, Text(), facts(_rows(report)), Text(), Text(report.method, "quiet")]
    consoles.show(Padding(Group(*lines), (1, 2), expand=False))
    return 0


def _rows(report: QuoteReport) -> list[Row]:
    source = "" if report.price_source is None else f"said by: {report.price_source}"
    return [
        ("accepted", *_range(report.acceptance, lambda share: f"{share:.0%}")),
        ("prompt", *_range(report.prompt_tokens, _tokens)),
        ("answers", *_range(report.completion_tokens, _tokens)),
        ("cost", *_range(report.cost_usd, words.money)),
        ("a record", *_range(report.cost_usd_per_record, words.money)),
        ("price", source or "unknown", ""),
        ("time", *_range(report.seconds, words.duration)),
    ]


def _tokens(number: float) -> str:
    return f"{number:,.0f} tokens"


def _range(interval: Interval | None, shown: Shown) -> tuple[str, str]:
    if interval is None:
        return "unknown", ""
    return shown(interval.expected), f"{shown(interval.low)} to {shown(interval.high)}"
