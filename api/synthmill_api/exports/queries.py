"""The query parameters of a streamed export: what the file is to be, and where it goes on."""

from typing import Annotated

from fastapi import Depends, Query

from synthmill.jobs.export.chat import read_parts
from synthmill.jobs.export.formats import Form
from synthmill_api.results.queries import FiltersHere
from synthmill_schemas.file_export import Compression, ExportFormat, Part

_CHAT = (
    "for alpaca, sharegpt and messages: which field plays which part, as `PART:FIELD`, again for each. Parts are "
    "instruction and output, also input and system; or conversation, a list of {role, content}. Not needed where "
    "columns have the usual names: instruction, question or prompt; output, answer, response or completion; input; "
    "system; messages, conversation or conversations"
)


async def _form(
    format_: Annotated[
        ExportFormat,
        Query(
            alias="format",
            description="In csv, text that a spreadsheet would run as a formula (it begins with = + - @, a tab or a "
            "line break) has an apostrophe before it; objects and lists are JSON. In parquet and arrow columns are "
            "typed, objects are JSON text.",
        ),
    ] = ExportFormat.JSONL,
    compression: Annotated[
        Compression, Query(description="how the file is packed; Accept-Encoding changes nothing")
    ] = Compression.NONE,
    chat: Annotated[
        list[Annotated[str, Query(max_length=512)]] | None,
        Query(max_length=5, description=_CHAT, examples=[["instruction:question", "output:answer"]]),
    ] = None,
    part: Annotated[
        Part | None, Query(description="only this part; records of one seed are never in both, in no version")
    ] = None,
    test_share: Annotated[float, Query(gt=0, lt=1, description="share of the seeds in the part `test`")] = 0.1,
    filters: FiltersHere = None,
) -> Form:
    return Form(format_, compression, read_parts(chat or []), part, test_share, tuple(filters or ()))


FormHere = Annotated[Form, Depends(_form)]

AfterHere = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,90}$",
        description="go on behind this record: the `_record_id` of the last whole line that arrived. A csv then has "
        "no header, so that the lines go behind the others; parquet and arrow are a file of the rest",
    ),
]
