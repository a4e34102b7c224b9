"""Reads an installation's bucket past every service."""

from minio import Minio

from synthmill.settings import MinioSettings


def keys(settings: MinioSettings) -> list[str]:
    """The keys of all objects."""
    access, secret = settings.access_key, settings.secret_key
    assert access is not None
    assert secret is not None
    client = Minio(
        settings.endpoint,
        access_key=access.get_secret_value(),
        secret_key=secret.get_secret_value(),
        secure=settings.tls,
        region=settings.region,
    )
    return [str(found.object_name) for found in client.list_objects(settings.bucket, recursive=True)]
