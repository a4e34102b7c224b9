"""Shows a preview: each record with its source row and attributes, then costs and the estimate; or all as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from synthmill.cli import consoles, words
from synthmill.cli.boundary import complain
from synthmill.cli.panel import cost, facts
from synthmill.cli.preview.estimate import Estimate, estimate
from synthmill.cli.preview.make import Preview
from synthmill.cli.session import exit_code
from synthmill.cli.summary import as_json as status_json
from synthmill_schemas.base import JsonObject
from synthmill_schemas.job import JobState
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.seed import Lineage
from synthmill_schemas.slot import SlotDocument, SlotState

_CUT = 600  # characters of a value; a preview is for reading, not for copying
_PANEL_WIDTH = 100
_CAVEAT = "From so few records this is a rough guess: rejects, retries and prices vary."

Row = tuple[str, str, str]


def report(preview: Preview, *, as_json: bool) -> int:
    """Prints it and answers the exit code."""
    guess = estimate(preview.status, preview.full)
    if as_json:
        consoles.print_json(_json(preview, guess))
    else:
        width = min(_PANEL_WIDTH, consoles.out().width)
        for slot in preview.slots:
            consoles.show(_panel(slot, preview.rejects, width))
        consoles.show(_totals(preview, guess))
    _complain(preview)
    return exit_code(preview.status, preview.failure)


def _json(preview: Preview, guess: Estimate | None) -> JsonObject:
    status = {key: value for key, value in status_json(preview.status).items() if key not in ("job_id", "outputs")}
    return {
        **status,
        "records": [slot.model_dump(mode="json") for slot in preview.slots if slot.state is SlotState.ACCEPTED],
        "rejects": [reject.model_dump(mode="json") for reject in preview.rejects],
        "estimate": guess
        and {"records": guess.records, "llm_calls": guess.calls, "tokens": guess.tokens, "cost_usd": guess.cost_usd},
    }


def _panel(slot: SlotDocument, rejects: Sequence[RejectDocument], width: int) -> RenderableType:
    parts: list[RenderableType] = []
    if (given := list(_given(slot))) or slot.lineage:
        parts += [Text(_origin(slot.lineage), "quiet"), facts(given), Text()]
    if slot.data is not None:
        made = {name: value for name, value in slot.data.items() if name not in slot.attributes}
        parts.append(facts(list(_values(made or slot.data))))
    else:
        parts.append(Text(f"{slot.state}: {slot.reject_class}: {slot.reason}", "bad"))
    tries = [reject for reject in rejects if reject.record_id == slot.record_id]
    if tries:
        lines = [(reject.reject_class.value, _cut(reject.reason), "") for reject in tries]
        parts += [Text(), Text(f"{words.counted(len(tries), 'try', 'tries')} rejected before", "doubt"), facts(lines)]
    style = "quiet" if slot.state is SlotState.ACCEPTED else "bad"
    return Panel(
        Group(*parts),
        title=Text(f" record {slot.slot + 1} ", "name"),
        subtitle=Text(f" {_price(slot)} ", "quiet"),
        title_align="left",
        subtitle_align="right",
        border_style=style,
        padding=(1, 2),
        width=width,
    )


def _given(slot: SlotDocument) -> Iterator[Row]:
    """What was fixed before the model was asked."""
    return _values(slot.attributes)


def _origin(lineage: Lineage | None) -> str:
    if lineage is None:
        return "drawn"
    place = f"row {lineage.row}" if lineage.row else ""
    if lineage.char_start is not None:
        place = f"characters {lineage.char_start:,} to {lineage.char_end:,}"
    line = f", line {lineage.line}" if lineage.line else ""
    heading = f", under {' > '.join(lineage.headings)}" if lineage.headings else ""
    return f"from {lineage.source}, {place}{line}{heading}"


def _price(slot: SlotDocument) -> str:
    made = slot.provenance
    if made is None:
        return slot.state.value
    if made.call_id is None:
        return "no call needed"
    tokens = made.prompt_tokens + made.completion_tokens
    price = "cost unknown" if made.cost_usd is None else words.money(made.cost_usd)
    return f"{made.model or made.route}  {words.counted(tokens, 'token')}  {price}"


def _values(values: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", _shown(inner), "") for key, inner in value.items())
        else:
            yield name, _shown(value), ""


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_shown(item) for item in value) or "(empty)"
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[:_CUT]}… ({len(text):,} characters)"


def _totals(preview: Preview, guess: Estimate | None) -> RenderableType:
    status = preview.status
    made = f"{status.accepted} of {words.counted(status.requested, 'record')}"
    rows: list[Row] = [
        (
            "made",
            made,
            words.classes(status.rejects_by_class) and "rejected on the way: " + words.classes(status.rejects_by_class),
        ),
        ("cost", *cost(status)),
    ]
    parts: list[RenderableType] = [facts(rows)]
    if guess is not None:
        price = words.money(guess.cost_usd)
        took = f"{guess.tokens:,} tokens in {words.counted(guess.calls, 'call')}"
        whole: Row = (
            f"all {guess.records:,}",
            f"about {price}" if guess.cost_usd else f"cost {price}",
            took,
        )
        parts = [facts([*rows, whole]), Text(), Text(_CAVEAT, "quiet")]
    return Padding(Group(*parts), (1, 2), expand=False)


def _complain(preview: Preview) -> None:
    if preview.failure is not None:
        complain(str(preview.failure))
    elif preview.status.state is not JobState.COMPLETED:
        complain(preview.status.reason or f"the preview is {preview.status.state}")
