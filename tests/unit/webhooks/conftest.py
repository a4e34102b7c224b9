"""Embedded services whose webhooks may reach this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.settings import Settings, WebhookSettings


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[EmbeddedServices]:
    settings = Settings(home=tmp_path / "home", webhooks=WebhookSettings(allow=["127.0.0.0/8"], timeout_seconds=2))
    async with open_embedded(settings) as opened:
        yield opened
