"""Connections to the object store, as its settings say: TLS and whom to trust, region, form of the URLs."""

import urllib3
from minio import Minio

from synthmill.errors import UserError
from synthmill.settings import MinioSettings


def http_pool(settings: MinioSettings) -> urllib3.PoolManager:
    """Kept connections; `UserError` when the file of certificates is not there."""
    if settings.ca_file is not None and not settings.ca_file.is_file():
        raise UserError(f"SYNTHMILL_MINIO__CA_FILE names {settings.ca_file}, which is no file")
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=60),
        maxsize=16,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(settings.ca_file) if settings.ca_file else None,
        # for a connection that was closed while idle; outages are the caller's to wait out
        retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[502, 503, 504], raise_on_status=False),
    )


def open_client(settings: MinioSettings, http: urllib3.PoolManager) -> Minio:
    """The client that the services work with; `UserError` without keys."""
    return _client(settings, settings.endpoint, http, tls=settings.tls)


def signing_client(settings: MinioSettings, client: Minio) -> Minio:
    """The client whose URLs are handed out: the same one, unless the store has another name outside."""
    if settings.public_endpoint is None:
        return client
    scheme, _, address = settings.public_endpoint.rpartition("://")
    return _client(settings, address, urllib3.PoolManager(), tls=scheme == "https" if scheme else settings.tls)


def _client(settings: MinioSettings, endpoint: str, http: urllib3.PoolManager, *, tls: bool) -> Minio:
    access, secret = settings.access_key, settings.secret_key
    if access is None or secret is None:
        raise UserError("set SYNTHMILL_MINIO__ACCESS_KEY and SYNTHMILL_MINIO__SECRET_KEY: the object store has none")
    client = Minio(
        endpoint,
        access_key=access.get_secret_value(),
        secret_key=secret.get_secret_value(),
        secure=tls,
        region=settings.region,  # known, so that no request asks for it
        http_client=http,
    )
    if settings.path_style:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    else:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client
