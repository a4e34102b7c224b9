"""Which commands there are. Helps stand here, so that `synthmill --help` imports no command."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import click

from synthmill import __version__


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module below `synthmill.cli.commands` that has it, and its help in one line."""

    module: str
    help: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Make data": {
        "init": Entry("init", "write a starter recipe for a data file"),
        "validate": Entry("validate", "check a recipe, all faults at once"),
        "preview": Entry("preview", "make a few records, look at them, estimate the whole"),
        "quote": Entry("quote", "make a few records, reckon tokens, cost and time of the whole"),
        "run": Entry("run", "make the dataset"),
    },
    "Follow and mend": {
        "status": Entry("status", "one job in numbers, or all jobs"),
        "logs": Entry("logs", "what happened to a job, in order"),
        "records": Entry("records", "search a job's records, sample them, see where one came from"),
        "gate": Entry("gate", "what the release gate found in a job's records"),
        "export": Entry("export", "one file of a job's records, in any format"),
        "resume": Entry("resume", "go on with a job that stopped; nothing is paid twice"),
        "extend": Entry("extend", "more records for a job; those it has stay as they are"),
        "retry": Entry("retry", "try again what was given up, by another model or prompt if wanted"),
        "pause": Entry("pause", "let a job rest; resume goes on with it"),
        "cancel": Entry("cancel", "stop a job for good; what it has stays"),
        "dead-letters": Entry("dead_letters", "what nobody could work on: list, show, replay, drop"),
        "sweep": Entry("sweep", "repair what is stuck, delete what nobody needs"),
    },
    "Look up": {
        "datasets": Entry("datasets", "released datasets and versions: list, show, records, export"),
        "schema": Entry("schema", "the JSON Schema of recipes, for editors"),
        "settings": Entry("settings", "all settings, their values and variables"),
        "keys": Entry("keys", "make, list, rotate and revoke keys of the REST API"),
        "tenants": Entry("tenants", "what each tenant may use: show, limit"),
    },
    "Services": {
        "up": Entry("up", "everything here by one command, with Prefect's UI"),
        "api": Entry("services", "run the REST API in the foreground"),
        "worker": Entry("services", "run the worker in the foreground"),
        "bridge": Entry("services", "run the bridge to the consumer in the foreground"),
        "gateway": Entry("services", "run the LLM gateway in the foreground"),
        "flows": Entry("services", "run the Prefect worker in the foreground"),
        "deploy": Entry("services", "put deployments and automations onto Prefect"),
    },
}

COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


SERVER = "synthmill.server"
"""Where the context keeps the URL that `--server` names."""

REMOTE = {
    "run": "making",
    "status": "looking",
    "logs": "looking",
    "records": "looking",
    "cancel": "moving",
    "pause": "moving",
    "resume": "moving",
    "export": "filing",
}
"""Commands that a server can carry out: their modules below `synthmill.cli.remote`."""


class LazyGroup(click.Group):
    """Finds a command's module by the registry; a module calls its commands by their names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Takes `--server URL` from wherever it stands."""
        rest, server = _without_server(ctx, args)
        if server is not None:
            ctx.meta[SERVER] = server
        return super().parse_args(ctx, rest)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; None when there is no such one."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        remote = ctx is not None and SERVER in ctx.find_root().meta
        place = f"remote.{REMOTE[cmd_name]}" if remote else f"commands.{entry.module}"
        module = importlib.import_module(f"synthmill.cli.{place}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        command.short_help = entry.help
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says which command may have been meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{_meant(args[0])}")
        if args and SERVER in ctx.meta and args[0] not in REMOTE:
            ctx.fail(f"{args[0]} works on this machine; with --server there are {', '.join(REMOTE)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Sections instead of one long list."""
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, entry.help) for name, entry in entries.items()], col_max=12)


def _without_server(ctx: click.Context, args: list[str]) -> tuple[list[str], str | None]:
    """The arguments before a `--`, without the option, and its value."""
    end = args.index("--") if "--" in args else len(args)
    rest: list[str] = []
    server: str | None = None
    words = iter(args[:end])
    for word in words:
        if word != "--server" and not word.startswith("--server="):
            rest.append(word)
            continue
        server = next(words, "") if word == "--server" else word.partition("=")[2]
        if not server.startswith(("http://", "https://")):
            ctx.fail("--server wants the URL of an API, e.g. https://synthmill.example.com")
    return rest + args[end:], server


def _meant(word: str) -> str:
    import difflib

    close: Sequence[str] = difflib.get_close_matches(word, COMMANDS, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; `synthmill --help` lists them"


_EPILOG = """\b
First steps:
  synthmill init products.csv
  synthmill preview recipe.yaml --input products.csv
  synthmill run recipe.yaml --input products.csv --records 200
"""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.option("--server", metavar="URL", help="carry the command out there, with the key in SYNTHMILL_API_KEY")
@click.version_option(__version__, "-V", "--version", message="synthmill %(version)s")
def program(server: str | None) -> None:
    """Files and a recipe in, exactly the N synthetic records you asked for out."""
    del server  # taken before, so that it may stand behind the command as well
