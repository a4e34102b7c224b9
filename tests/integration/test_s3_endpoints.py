"""S3 endpoints of other kinds: TLS by a private authority, a fixed region, the bucket in the host name; and mistakes
in the settings, each of which is told with the setting to mend."""

import os
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from synthmill.errors import UserError
from synthmill.settings import MinioSettings
from synthmill.stack.objects import MinioObjectStore
from tests.support.certificates import write_certificates
from tests.support.on_stack import ON_STACK
from tests.support.repository import ROOT
from tests.support.services import free_port
from tests.support.wait import until

pytestmark = list(ON_STACK)
REGION = "eu-south-7"


@contextmanager
def minio(folder: Path, *, tls: bool) -> Iterator[MinioSettings]:
    """A MinIO of the test's own in a region of its own, and the settings that fit it."""
    program = subprocess.run(
        [ROOT / "deployments/native/minio", "program"], capture_output=True, text=True, check=True
    ).stdout.strip()
    secret, port = secrets.token_hex(16), free_port()
    certificates = folder / "certificates"
    trusted = write_certificates(certificates) if tls else None
    certificates.mkdir(exist_ok=True)
    told = {"MINIO_ROOT_USER": "tester", "MINIO_ROOT_PASSWORD": secret, "MINIO_SITE_REGION": REGION}
    arguments = ["--address", f"127.0.0.1:{port}", "--certs-dir", str(certificates)]
    with (folder / "minio.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", str(folder / "data"), *arguments],
            env={**os.environ, **told, "MINIO_BROWSER": "off"},
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: is_ready(port, tls=tls), "MinIO to be ready")
        yield MinioSettings(
            endpoint=f"127.0.0.1:{port}",
            tls=tls,
            ca_file=trusted,
            access_key=SecretStr("tester"),
            secret_key=SecretStr(secret),
            region=REGION,
            bucket="synthmill",
        )
    finally:
        process.kill()
        process.wait()


def is_ready(port: int, *, tls: bool) -> bool:
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/minio/health/ready"
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        return bool(urllib.request.urlopen(url, context=unchecked, timeout=5).status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioSettings]:
    with minio(tmp_path_factory.mktemp("secure"), tls=True) as settings:
        yield settings


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioSettings]:
    with minio(tmp_path_factory.mktemp("plain"), tls=False) as settings:
        yield settings


async def chunks() -> AsyncIterator[bytes]:
    yield b"some "
    yield b"bytes"


def fetched(url: str, context: ssl.SSLContext | None = None) -> bytes:
    """As somebody who was given the URL, and nothing else."""
    with urllib.request.urlopen(url, context=context, timeout=20) as answer:
        content: bytes = answer.read()
    return content


async def refusal(settings: MinioSettings) -> str:
    """What is said about settings that cannot work."""
    store = MinioObjectStore(settings)
    try:
        with pytest.raises(UserError) as refused:
            await store.prepare()
    finally:
        await store.close()
    return str(refused.value)


async def test_over_tls_by_a_private_authority_all_is_as_usual_also_for_whom_a_url_is_given(
    secure: MinioSettings,
) -> None:
    store = MinioObjectStore(secure)
    await store.prepare()
    await store.prepare()
    stored = await store.put("tmp/a/data", chunks())
    assert stored.size == 10
    async with store.open("tmp/a/data") as file:
        assert file.read() == b"some bytes"
    url = await store.presign("tmp/a/data", 60)
    context = ssl.create_default_context(cafile=secure.ca_file)
    assert url.startswith("https://")
    assert fetched(url, context) == b"some bytes"
    assert await store.delete_prefix("tmp/a/") == 1
    await store.close()


async def test_a_public_endpoint_stands_in_urls_and_their_signature_holds_there(plain: MinioSettings) -> None:
    port = plain.endpoint.rpartition(":")[2]
    store = MinioObjectStore(plain.model_copy(update={"public_endpoint": f"http://localhost:{port}"}))
    await store.prepare()
    await store.put("tmp/a/data", chunks())
    url = await store.presign("tmp/a/data", 60)
    assert urlsplit(url).netloc == f"localhost:{port}"
    assert fetched(url) == b"some bytes"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(url.replace("localhost", "127.0.0.1"))
    await store.close()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ca_file": None}, "SYNTHMILL_MINIO__CA_FILE"),
        ({"tls": False}, "SYNTHMILL_MINIO__TLS=true"),
        ({"region": "us-west-1"}, "SYNTHMILL_MINIO__REGION"),
        ({"access_key": SecretStr("nobody")}, "SYNTHMILL_MINIO__ACCESS_KEY"),
        ({"secret_key": SecretStr("wrong-wrong")}, "SYNTHMILL_MINIO__SECRET_KEY"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_wrong_setting_is_named(secure: MinioSettings, wrong: dict[str, object], told: str) -> None:
    assert told in await refusal(secure.model_copy(update=wrong))


async def test_tls_where_there_is_none_is_told(plain: MinioSettings) -> None:
    assert "SYNTHMILL_MINIO__TLS=false" in await refusal(plain.model_copy(update={"tls": True}))
