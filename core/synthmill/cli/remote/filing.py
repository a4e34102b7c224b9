"""`synthmill export --server URL`: a worker there writes the file, it comes here, and is checked."""

from pathlib import Path

import click

from synthmill.cli import consoles, options, words
from synthmill.cli.form_options import form_options
from synthmill.cli.remote.server import client
from synthmill.jobs.export.formats import Form


@click.command("export")
@options.job_argument
@form_options
@options.file_option(default="its own name here", stdout=False)
@options.json_option
def export_command(job: str, form: Form, output: Path | None, as_json: bool) -> None:
    """Write the records of JOB into one file here, also while it runs."""
    more: dict[str, object] = {"compression": form.compression.value, "filters": list(form.filters)}
    if form.part is not None:
        more |= {"part": form.part.value, "test_share": form.test_share}
    if form.chat is not None:
        more["chat"] = form.chat.model_dump(mode="json", exclude_none=True)
    with client() as api:
        path = output or Path(form.file_name(api.job(job).dataset))
        export = api.export(job, path, form.format, **more)
    if as_json:
        consoles.print_json({**export.model_dump(mode="json"), "path": str(path)})
    else:
        consoles.show(f"{words.counted(export.records or 0, 'record')}, {words.size(export.size or 0)} in {path}")
