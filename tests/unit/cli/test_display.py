"""What a running job looks like, on a terminal and in a log."""

import io

import pytest
from rich.console import Console

from synthmill.cli import lines
from synthmill.cli.consoles import THEME
from synthmill.cli.display import LineDisplay, LiveDisplay, open_display
from synthmill.cli.panel import View, panel
from synthmill_schemas.event import EventDocument, Level
from synthmill_schemas.job import JobState
from tests.support.statuses import JOB, status

UNREACHABLE = EventDocument(
    event_id="1",
    job_id=JOB,
    service="consumer",
    name="provider.unreachable",
    level=Level.WARNING,
    message="http://127.0.0.1:9 refuses connections",
)


def drawn(view: View) -> str:
    console = Console(file=io.StringIO(), width=100, record=True, theme=THEME, force_terminal=True)
    console.print(panel(view))
    return console.export_text()


def test_the_panel_says_how_far_how_fast_what_was_rejected_and_what_it_cost() -> None:
    text = drawn(View(status(), speed=40.0, remaining=2.4, elapsed=31.0))
    for part in (
        "tickets  3f2a9c1b  generating",
        "100 of 200 accepted  50 %",
        "40.0 records/s  about 2.4 s left",
        "16 tries  12 schema, 4 duplicate",
        "3 exhausted, 1 parked",
        "$0.25  50,000 tokens in 112 calls",
    ):
        assert part in text


def test_the_panel_shows_the_last_warning() -> None:
    assert "provider.unreachable  http://127.0.0.1:9 refuses connections" in drawn(View(status(), warning=UNREACHABLE))


def test_a_cost_that_nobody_told_is_unknown_and_not_zero() -> None:
    text = drawn(View(status(cost_usd=None)))
    assert "unknown" in text
    assert "$" not in text


def test_rows_left_out_are_told_apart_from_rejected_tries() -> None:
    text = drawn(View(status(rejects_by_class={"input": 2, "parse": 1})))
    assert "1 try  1 parse" in text
    assert "2 rows left out" in text


def test_no_bar_is_shown_before_n_is_known() -> None:
    assert "accepted" not in drawn(View(status(requested=0, accepted=0, exhausted=0, parked=0)))


def test_a_later_round_is_named() -> None:
    assert "generating, round 2" in drawn(View(status(round=2)))


def test_a_line_holds_what_the_panel_shows() -> None:
    assert lines.line(View(status(), speed=40.0, remaining=2.4)) == (
        "tickets 3f2a9c1b: generating, round 1; 100/200 accepted (50 %); 40.0 records/s; about 2.4 s left; "
        "16 tries rejected (12 schema, 4 duplicate); 3 exhausted, 1 parked; 50,000 tokens, cost $0.25"
    )


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def test_without_a_terminal_lines_are_written(log: io.StringIO) -> None:
    assert isinstance(open_display(Console(file=log)), LineDisplay)
    assert isinstance(open_display(Console(file=log, force_terminal=True, _environ={"TERM": "xterm"})), LiveDisplay)


def test_counts_alone_do_not_fill_a_log_but_a_change_of_state_is_told_at_once(log: io.StringIO) -> None:
    with LineDisplay(Console(file=log, width=500)) as display:
        display.show(status(accepted=100), None)
        display.show(status(accepted=101), None)
        display.show(status(accepted=102, state=JobState.BLOCKED), None)
    told = log.getvalue().splitlines()
    assert ["generating" in told[0], "blocked" in told[1], len(told)] == [True, True, 2]


def test_the_same_warning_is_told_once(log: io.StringIO) -> None:
    with LineDisplay(Console(file=log, width=500)) as display:
        display.show(status(), UNREACHABLE)
        display.show(status(accepted=101), UNREACHABLE)
    assert log.getvalue().count("provider.unreachable") == 1


def test_a_note_is_told_once_in_a_log(log: io.StringIO) -> None:
    with LineDisplay(Console(file=log, width=500)) as display:
        display.note("starting the services")
        display.note("starting the services")
        display.note(None)
    assert log.getvalue() == "starting the services\n"


def test_the_live_panel_leaves_nothing_behind_but_what_was_said(log: io.StringIO) -> None:
    console = Console(file=log, force_terminal=True, width=100, _environ={"TERM": "xterm"}, theme=THEME)
    with LiveDisplay(console) as display:
        display.say("another job goes on too")
        display.show(status(), None)
    assert "another job goes on too" in log.getvalue()
    assert log.getvalue().endswith("\x1b[2K"), "the last thing written clears a line of the panel"
