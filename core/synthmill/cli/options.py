"""Options that several commands share, worded once."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DATASET = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_URL = re.compile(r"https?://\S+")


def _matching(pattern: re.Pattern[str], wanted: str) -> "click.ParamType[str]":
    class _Text(click.ParamType[str]):
        name = "text"

        def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
            if pattern.fullmatch(value) is None:
                self.fail(f"{value!r} is not {wanted}", param, ctx)
            return value

    return _Text()


recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
job_argument = click.argument("job")
inputs_option = click.option(
    "inputs",
    "--input",
    "-i",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="a source; repeatable",
)
records_option = click.option(
    "--records", "-n", type=click.IntRange(min=1), metavar="N", help="how many records; default: the recipe's"
)
model_option = click.option("--model", metavar="ROUTE", help="another model, e.g. offline/fake-1")
base_url_option = click.option(
    "--base-url",
    metavar="URL",
    type=_matching(_URL, "an http or https URL"),
    help="another OpenAI-compatible URL, e.g. that of vLLM or Ollama",
)
quotes_option = click.option("--quotes", is_flag=True, help="without JOB: the small jobs of quotes as well")
tenant_option = click.option(
    "--tenant",
    metavar="NAME",
    type=_matching(_DATASET, "a tenant: small letters, digits, _ and -"),
    help="default: SYNTHMILL_TENANT",
)
dataset_option = click.option(
    "--dataset",
    metavar="NAME",
    type=_matching(_DATASET, "a dataset name: lower case letters, digits, - and _, a letter first"),
    help="another name for the dataset than the recipe's",
)
job_id_option = click.option(
    "--job-id",
    metavar="ID",
    type=_matching(_JOB_ID, "a job id: letters, digits, - and _, at most 64"),
    help="an id of your own; running it again repeats nothing",
)
out_option = click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="where the files go"
)
json_option = click.option("as_json", "--json", is_flag=True, help="one JSON object on stdout")
direct_option = click.option(
    "--direct", is_flag=True, help="without Prefect: everything from this process; so it is on the stack anyway"
)


_max_usd_option = click.option(
    "--max-usd",
    metavar="USD",
    type=click.FloatRange(min=0, min_open=True),
    help="pause before a call that might make the job cost more",
)
_max_tokens_option = click.option(
    "--max-tokens",
    metavar="N",
    type=click.IntRange(min=1),
    help="pause before a call that might make the job take more tokens, prompts and answers together",
)


def file_option(*, default: str, stdout: bool = True) -> Callable[[Command], Command]:
    """`--output FILE`, which is `-` for stdout where that is possible; `default` ends its help."""
    return click.option(
        "--output",
        "-o",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=stdout),
        help=f"where the file goes{', - for stdout' if stdout else ''}; default: {default}",
    )


def caps_options(command: Callable[..., int]) -> Callable[..., int]:
    """`--max-usd` and `--max-tokens`; the command gets them together, as the Budget `caps`."""

    @functools.wraps(command)
    def with_caps(*, max_usd: float | None, max_tokens: int | None, **others: object) -> int:
        from synthmill_schemas.budget import Budget

        return command(caps=Budget(max_usd=max_usd, max_tokens=max_tokens), **others)

    return _max_usd_option(_max_tokens_option(with_caps))
