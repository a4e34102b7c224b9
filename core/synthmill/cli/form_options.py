"""Options that say what a file of records is to be, and the form that they make."""

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any

import click

from synthmill.jobs.export.chat import read_parts
from synthmill.jobs.export.formats import Form
from synthmill_schemas.file_export import Compression, ExportFormat, Part

Command = Callable[..., Any]

filter_option = click.option(
    "filters",
    "--filter",
    metavar="FIELD=VALUE",
    multiple=True,
    help="only such records; also FIELD>=VALUE, FIELD<=VALUE, nested fields by dots, @model, @row, …; repeatable",
)

_OPTIONS = (
    click.option(
        "format_",
        "--format",
        type=click.Choice([form.value for form in ExportFormat]),
        default=ExportFormat.JSONL.value,
        show_default=True,
        help="what the file holds",
    ),
    click.option("--gzip", "packed", is_flag=True, help="packed, the same as --compression gzip"),
    click.option("--compression", type=click.Choice([form.value for form in Compression]), help="how it is packed"),
    click.option(
        "--chat",
        metavar="PART:FIELD",
        multiple=True,
        help="for alpaca, sharegpt and messages: which field is the instruction, output, input, system, conversation",
    ),
    click.option(
        "--part",
        type=click.Choice([part.value for part in Part]),
        help="only this part; records of one seed are never in both",
    ),
    click.option(
        "--test-share",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.1,
        show_default=True,
        help="share of the seeds in the part test",
    ),
    filter_option,
)


def form_options(command: Command) -> Command:
    """All of them; the command is given `form` instead."""

    @wraps(command)  # with the options that stand below ours, which click keeps on the function
    def with_form(
        *,
        format_: str,
        packed: bool,
        compression: str | None,
        chat: tuple[str, ...],
        part: str | None,
        test_share: float,
        filters: tuple[str, ...],
        **others: object,
    ) -> Any:  # noqa: ANN401  what the command answers
        if packed and compression not in (None, Compression.GZIP):
            raise click.UsageError("--gzip and --compression say different things")
        form = Form(
            ExportFormat(format_),
            Compression.GZIP if packed else Compression(compression or Compression.NONE),
            read_parts(list(chat)),
            None if part is None else Part(part),
            test_share,
            filters,
        )
        return command(form=form, **others)

    return reduce(lambda made, option: option(made), reversed(_OPTIONS), with_form)
