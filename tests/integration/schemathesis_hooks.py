"""What schemathesis has to be told to make requests of ours; it loads this file itself."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def piece_of_a_file(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Bytes as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
