"""The three ports of a profile, opened together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from synthmill.ports.broker import Broker
from synthmill.ports.objects import ObjectStore
from synthmill.ports.records import RecordStore
from synthmill.settings import Profile, Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What a service works with."""

    settings: Settings
    objects: ObjectStore
    broker: Broker
    store: RecordStore


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Opens the adapters of the profile and closes them at the end; those of the other are not even imported."""
    if settings.profile is Profile.STACK:
        from synthmill.stack import open_stack

        async with open_stack(settings) as services:
            yield services
    else:
        from synthmill.embedded import open_embedded

        async with open_embedded(settings) as services:
            yield services
