"""A request goes to the address that was checked, for the name that the URL has, and waits for nobody for long."""

import socket
import ssl
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from synthmill.settings import WebhookSettings
from synthmill.webhooks.addresses import Target
from synthmill.webhooks.sending import sender
from tests.support.certificates import write_certificates
from tests.support.receiver import receiver

HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,none"}


def pinned(url: str, host: str) -> Target:
    parts = urlsplit(url)
    return Target(parts.scheme, host, parts.port or 0, ip_address("127.0.0.1"), parts.path)


@pytest.mark.parametrize(("host", "taken"), [("localhost", True), ("elsewhere.test", False)])
async def test_the_certificate_has_to_be_that_of_the_name_not_of_the_address(
    tmp_path: Path, host: str, taken: bool
) -> None:
    authority = write_certificates(tmp_path / "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server" / "public.crt", tmp_path / "server" / "private.key")
    with receiver(tls=context) as there:
        async with sender(WebhookSettings(ca_file=authority)) as sends:
            answer = await sends.post(pinned(there.url, host), b"{}", HEADERS)
    assert answer.taken is taken
    assert [each.headers["host"].partition(":")[0] for each in there.received] == ([host] if taken else [])
    assert taken or "CERTIFICATE_VERIFY_FAILED" in str(answer.told)


async def test_a_receiver_that_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        async with sender(WebhookSettings(timeout_seconds=0.3)) as sends:
            answer = await sends.post(pinned(url, "127.0.0.1"), b"{}", HEADERS)
    assert (answer.status, answer.told) == (None, "no answer within 0.3 s")


async def test_a_receiver_that_is_not_there_is_told_in_words() -> None:
    with receiver() as there:
        url = there.url
    async with sender(WebhookSettings()) as sends:
        answer = await sends.post(pinned(url, "127.0.0.1"), b"{}", HEADERS)
    assert (answer.status, "ConnectError" in str(answer.told)) == (None, True)
