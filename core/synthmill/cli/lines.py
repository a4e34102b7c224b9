"""One job as single lines, for a log or a pipe."""

from synthmill.cli import words
from synthmill.cli.panel import View, bad_rows, rejected
from synthmill_schemas.event import EventDocument


def line(view: View) -> str:
    """Everything that the panel shows, in one line."""
    status = view.status
    doing = view.note or words.STATE_WORDS[status.state]
    parts = [f"{status.dataset} {words.short(status.job_id)}: {doing}, round {status.round}"]
    if status.requested:
        parts.append(
            f"{status.accepted}/{status.requested} accepted ({words.percent(status.accepted, status.requested)})"
        )
    if view.speed and status.running:
        parts.append(words.speed(view.speed))
    if view.remaining and status.running:
        parts.append(f"about {words.duration(view.remaining)} left")
    if (tries := rejected(status)) is not None:
        parts.append(f"{tries[0]} rejected ({tries[1]})")
    if status.exhausted or status.parked:
        parts.append(f"{status.exhausted} exhausted, {status.parked} parked")
    if bad_rows(status):
        parts.append(f"{words.counted(bad_rows(status), 'input row')} left out")
    parts.append(f"{status.tokens.prompt + status.tokens.completion:,} tokens, cost {words.money(status.cost_usd)}")
    return "; ".join(parts)


def warning(event: EventDocument) -> str:
    """A warning as a line of its own."""
    return f"{event.level} {event.name}: {event.message}"
