"""Elasticsearch behind TLS of a private authority, with an API key: Python's services and the consumer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from synthmill.bridge.child import find_program
from synthmill.errors import StoreUnavailable
from synthmill.settings import ElasticSettings, Settings
from synthmill.stack.elastic.client import ElasticClient
from tests.support import stack
from tests.support.certificates import write_certificates
from tests.support.installation import environment_of, settings_on
from tests.support.on_stack import ON_STACK
from tests.support.services import Service, free_port
from tests.support.tls_proxy import TlsProxy, tls_proxy
from tests.support.wait import until

pytestmark = list(ON_STACK)
KEY = "a2V5LWlkOmtleS1zZWNyZXQ="


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[TlsProxy]:
    write_certificates(tmp_path / "certificates")
    url = Settings().elasticsearch.url
    async with tls_proxy(tmp_path / "certificates", url.host or "127.0.0.1", url.port or 9200) as proxy:
        yield proxy


def settings(proxy: TlsProxy, folder: Path, trusted: Path) -> ElasticSettings:
    """Those of the test's place, over TLS."""
    changes = {"url": HttpUrl(f"https://127.0.0.1:{proxy.port}"), "api_key": SecretStr(KEY), "ca_file": trusted}
    return stack.elastic_settings(str(folder)).model_copy(update=changes)


async def can_ask(settings: ElasticSettings) -> bool:
    """Whether the server answers."""
    client = ElasticClient(settings)
    try:
        return await client.can_analyze("standard", [])
    finally:
        await client.close()


async def test_the_key_is_shown_to_a_server_whose_authority_is_trusted(proxy: TlsProxy, tmp_path: Path) -> None:
    assert await can_ask(settings(proxy, tmp_path, tmp_path / "authority.pem"))
    assert proxy.shown == {f"ApiKey {KEY}"}


async def test_a_server_of_another_authority_is_refused_by_the_setting_to_mend(proxy: TlsProxy, tmp_path: Path) -> None:
    other = write_certificates(tmp_path / "other" / "certificates")
    with pytest.raises(StoreUnavailable, match="SYNTHMILL_ELASTICSEARCH__CA_FILE"):
        await can_ask(settings(proxy, tmp_path, other))
    assert proxy.shown == set()


async def test_the_consumer_shows_its_key_over_tls(proxy: TlsProxy, tmp_path: Path) -> None:
    over_tls = settings(proxy, tmp_path, tmp_path / "authority.pem")
    mine = settings_on(tmp_path).model_copy(update={"elasticsearch": over_tls})
    port = free_port()
    environment = {**environment_of(mine), "SYNTHMILL_MONITORING__PORT": str(port)}
    consumer = Service("consumer", [str(find_program(Settings()))], environment, tmp_path / "consumer.log", port)
    consumer.start()
    try:
        await asyncio.to_thread(until, lambda: proxy.shown, "the consumer to ask the store")
        assert proxy.shown == {f"ApiKey {KEY}"}
    finally:
        consumer.end()
        await stack.remove_queues(str(tmp_path))
