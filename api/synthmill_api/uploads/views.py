"""How an upload is shown, as JSON and in headers."""

from datetime import datetime
from email.utils import format_datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from synthmill.catalog.resumable.documents import UploadDocument

_EXAMPLE: JsonDict = {
    "id": "upl_0d9c3d4b6d5b4a7f9a55e1f20b1c7a11",
    "name": "products.csv",
    "length": 2147483648,
    "offset": 1073741824,
    "source_id": None,
    "created_at": "2026-11-23T07:24:04Z",
    "expires_at": "2026-11-24T07:24:04Z",
}


class UploadView(BaseModel):
    """A file on its way in."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    name: str
    length: int = Field(description="bytes, as announced")
    offset: int = Field(description="bytes that are here; the next piece begins there")
    source_id: str | None = Field(description="what it became; none: it is not finished")
    created_at: datetime
    expires_at: datetime = Field(description="when it is given up, with all that came")

    @classmethod
    def of(cls, upload: UploadDocument) -> "UploadView":
        """What a client sees."""
        return cls(
            id=upload.upload_id,
            name=upload.name,
            length=upload.length,
            offset=upload.offset,
            source_id=upload.source_id,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )


def headers_of(upload: UploadDocument) -> dict[str, str]:
    """Where it stands, as the protocol says it; at the end also which source it became."""
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.source_id is not None:
        headers["Content-Location"] = f"/v1/sources/{upload.source_id}"
    else:
        headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return headers
