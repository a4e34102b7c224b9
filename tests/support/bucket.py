"""An installation's bucket past every service: what lies there, and what somebody else puts there."""

import io

from minio import Minio

from synthmill.settings import MinioSettings


def keys(settings: MinioSettings) -> list[str]:
    """The keys of all objects."""
    found = _client(settings).list_objects(settings.bucket, recursive=True)
    return [str(each.object_name) for each in found]


def put(settings: MinioSettings, key: str, data: bytes) -> None:
    """Puts an object, in the place of one that may be there."""
    _client(settings).put_object(settings.bucket, key, io.BytesIO(data), len(data))


def _client(settings: MinioSettings) -> Minio:
    access, secret = settings.access_key, settings.secret_key
    assert access is not None
    assert secret is not None
    return Minio(
        settings.endpoint,
        access_key=access.get_secret_value(),
        secret_key=secret.get_secret_value(),
        secure=settings.tls,
        region=settings.region,
    )
