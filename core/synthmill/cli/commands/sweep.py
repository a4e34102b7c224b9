"""`synthmill sweep`: repairs what is stuck and deletes what nothing live refers to, now instead of some time."""

import asyncio
from dataclasses import asdict

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.environment import has_jobs, load_settings
from synthmill.jobs.reconcile import Repairs, reconcile
from synthmill.jobs.sweep import Swept, sweep
from synthmill.services import open_services
from synthmill.settings import Settings

_REPAIRS = {
    "resent": ("job", "sent again, for no worker had planned them in time"),
    "given_up": ("job", "cancelled, for nobody was told of them or could ask for them"),
    "advanced": ("job", "moved on, for their round had ended"),
    "republished": ("job", "given another round, for their requests were in no queue"),
    "releases_ended": ("release", "carried to its end, for its process had died"),
    "exports_resent": ("export", "ordered again, for no worker had written them in time"),
}
_SWEPT = {
    "input_files": ("input file", "deleted, no job will read them"),
    "source_files": ("uploaded file", "deleted, their time was over"),
    "exports_expired": ("export", "expired"),
    "export_files": ("file of an export", "deleted"),
    "unfinished_uploads": ("half-sent upload", "dropped"),
    "starts": ("count of beginnings", "deleted, their messages were settled long ago"),
}
_PLURALS = {"file of an export": "files of exports", "count of beginnings": "counts of beginnings"}


@click.command("sweep")
@click.option("--dry-run", is_flag=True, help="only count what would be done")
@options.json_option
def sweep_command(dry_run: bool, as_json: bool) -> None:
    """Repair stuck jobs, of all tenants, and delete files and counts that nobody needs.

    The worker does the same by itself, every now and then. What a live job needs is never touched.
    """
    settings = load_settings()
    repairs, swept = asyncio.run(_run(settings, dry_run=dry_run)) if has_jobs(settings) else (Repairs(), Swept())
    if as_json:
        consoles.print_json({"dry_run": dry_run, **asdict(repairs), **asdict(swept)})
        return
    lines = [*_lines(asdict(repairs), _REPAIRS), *_lines(asdict(swept), _SWEPT)]
    if dry_run and lines:
        lines = ["what would be done:", *lines]
    consoles.show("\n".join(lines) if lines else "nothing to do")


async def _run(settings: Settings, *, dry_run: bool) -> tuple[Repairs, Swept]:
    async with open_services(settings) as services:
        return await reconcile(services, dry_run=dry_run), await sweep(services, dry_run=dry_run)


def _lines(counts: dict[str, int], texts: dict[str, tuple[str, str]]) -> list[str]:
    return [
        f"{words.counted(counts[name], noun, _PLURALS.get(noun))} {what}"
        for name, (noun, what) in texts.items()
        if counts[name]
    ]
