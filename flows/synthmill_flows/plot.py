"""A picture of a job's throughput and cost over time: SVG, drawn here, as a data URL that a browser shows as it is."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from synthmill.jobs.status import Status
from synthmill.ports.records import Collection, Place, Query, RecordStore

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 64, 40, 36
_MOST_POINTS = 400
_RECORDS_COLOUR, _COST_COLOUR = "#2563eb", "#d97706"


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a job; `seconds` since its first one."""

    seconds: float
    accepted: int
    cost_usd: float | None


async def points_of(store: RecordStore, tenant: str, status: Status) -> list[Point]:
    """From the progress events of the job, and its status now."""
    place = Place(tenant, Collection.EVENTS)
    await store.visible(place)
    where = {"job_id": status.job_id, "name": "progress"}
    found = await store.search(place, Query(where, sort="at", limit=_MOST_POINTS))
    told = [(datetime.fromisoformat(str(hit.document["at"])), hit.document["fields"]) for hit in found.hits]
    if not told:
        return [Point(0.0, status.accepted, status.cost_usd)]
    begin = told[0][0]
    return [Point((at - begin).total_seconds(), int(f["accepted"]), f.get("cost_usd")) for at, f in told]


def picture(points: Sequence[Point]) -> str:
    """A data URL. Accepted records by the left scale, the cost in USD by the right one where it is known."""
    svg = drawing(points).encode()
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def drawing(points: Sequence[Point]) -> str:
    """The SVG itself."""
    seconds = max((point.seconds for point in points), default=0.0)
    records = max((point.accepted for point in points), default=0)
    known = [(point.seconds, point.cost_usd) for point in points if point.cost_usd is not None]
    cost = max((usd for _, usd in known), default=0.0)
    rate = records / seconds if seconds else 0.0
    title = f"{records} records in {seconds:.0f} s, {rate:.1f} a second"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
        _axis(seconds, records, cost if known else None),
        _line(((p.seconds, p.accepted) for p in points), seconds, records, _RECORDS_COLOUR),
        _line(known, seconds, cost, _COST_COLOUR),
        "</svg>",
    ]
    return "".join(parts)


def _axis(seconds: float, records: int, cost: float | None) -> str:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    lines = (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#94a3b8"/>'
        f'<text x="{right}" y="{HEIGHT - 12}" font-size="12" text-anchor="end">{seconds:.0f} s</text>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" font-size="12" text-anchor="end" '
        f'fill="{_RECORDS_COLOUR}">{records}</text>'
    )
    if cost is None:
        return lines
    return lines + f'<text x="{right + 6}" y="{_TOP + 4}" font-size="12" fill="{_COST_COLOUR}">${cost:.4f}</text>'


def _line(values: Iterable[tuple[float, float]], most_x: float, most_y: float, colour: str) -> str:
    across = (WIDTH - _LEFT - _RIGHT) / (most_x or 1)
    up = (HEIGHT - _TOP - _BOTTOM) / (most_y or 1)
    placed = [f"{_LEFT + across * x:.1f},{HEIGHT - _BOTTOM - up * y:.1f}" for x, y in values]
    return f'<polyline points="{" ".join(placed)}" fill="none" stroke="{colour}" stroke-width="2"/>' if placed else ""
