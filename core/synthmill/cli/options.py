"""Options that several commands share, worded once."""

import re
from pathlib import Path

import click

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
model_option = click.option("--model", metavar="ROUTE", help="another model, e.g. offline/fake-1")
base_url_option = click.option(
    "--base-url",
    metavar="URL",
    type=_matching(_URL, "an http or https URL"),
    help="another OpenAI-compatible URL, e.g. that of vLLM or Ollama",
)
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
