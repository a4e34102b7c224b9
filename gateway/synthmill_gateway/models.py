"""What the gateway serves: the catalog of its file and the router behind it, loaded in the background.

LiteLLM's import takes 3 s, on a cold disk 9; until then requests are accepted and wait.
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from synthmill.errors import SynthmillError
from synthmill.monitoring.readiness import NotReady
from synthmill_gateway.catalog.reading import Loaded, load
from synthmill_gateway.catalog.targets import Catalog, catalog_of
from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.errors import GatewayError
from synthmill_gateway.limits import Meter
from synthmill_gateway.offline import Knobs, OfflineModel
from synthmill_gateway.request import ChatCall

if TYPE_CHECKING:
    from synthmill_gateway.relay import Relay, Served
    from synthmill_gateway.router import Router

_log = logging.getLogger(__name__)


class Models:
    """The models of this process. `refusal` is why it had to stop: a file that LiteLLM cannot work with."""

    def __init__(self, config: GatewayConfig, knobs: Knobs, meter: Meter) -> None:
        """Reads the file, so that its faults are told at once. Raises FileInvalid."""
        self._config = config
        self._knobs = knobs
        self._meter = meter
        self._loaded = None if config.file is None else load(config.file)
        self._catalog = None if self._loaded is None else catalog_of(self._loaded.file)
        self._loading: asyncio.Task[tuple[Router, Relay]] | None = None
        self._reloads: set[asyncio.Task[None]] = set()
        self.refusal: SynthmillError | None = None

    def start(self) -> None:
        """Begin to load; needs a running loop. SIGHUP then reads the file again."""
        self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        self._loading.add_done_callback(self._judge)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)

    def state(self) -> str:
        """`loading`, `ready` or `failed: …`."""
        if self._loading is None or not self._loading.done():
            return "loading"
        error = self._loading.exception()
        return "ready" if error is None else f"failed: {error}"

    async def ready(self) -> None:
        """Returns when chat requests are answered at once. Raises NotReady."""
        state = self.state()
        if state != "ready":
            raise NotReady(state)

    async def serve(self, call: ChatCall, gone: Callable[[], Awaitable[bool]]) -> "Served":
        """The answer to a call, once there can be one. Raises GatewayError."""
        _, relay = await self._ready()
        return await relay.serve(call, self._catalog, gone)

    async def listed(self) -> list[tuple[str, str, int | None]]:
        """Name, owner and context length of what can be asked for."""
        if self._catalog is not None:
            return [(one.name, one.provider or "", one.context_tokens) for one in self._catalog.targets()]
        router, _ = await self._ready()
        return [(name, name.split("/", 1)[0], None) for name in router.models()]

    async def reload(self) -> None:
        """Reads the file again; one with faults changes nothing but the log."""
        if self._config.file is None:
            _log.warning("SIGHUP: there is no file to read again")
            return
        try:
            await self._ready()
            loaded, catalog = await asyncio.to_thread(_read, self._config.file)
        except (SynthmillError, OSError, GatewayError) as error:
            _log.error("%s is not taken over, what was read before stays: %s", self._config.file, error)
            return
        self._loaded, self._catalog = loaded, catalog
        _log.warning("%s was read again: %d models", self._config.file, len(catalog.targets()))

    async def _ready(self) -> "tuple[Router, Relay]":
        if self._loading is None:
            raise GatewayError(503, "the gateway has not started", code="not_ready", retry_after="1")
        if self._loading.done() and self._loading.exception() is None:
            return self._loading.result()
        done, _ = await asyncio.wait({self._loading}, timeout=self._config.load_seconds)
        if not done or self._loading.exception() is not None:
            raise GatewayError(503, f"LiteLLM: {self.state()}", code="not_ready", retry_after="5")
        return self._loading.result()

    def _load(self) -> "tuple[Router, Relay]":
        from synthmill_gateway.observed import ObservedRouter  # seconds of CPU: only here, in a thread
        from synthmill_gateway.relay import Relay

        router = ObservedRouter(OfflineModel(self._knobs), self._config.timeout_seconds)
        if self._loaded is not None and self._catalog is not None:
            check(self._loaded, self._catalog)
        gc.freeze()  # LiteLLM's million objects are here to stay; walking them made one answer in a hundred 0.3 s late
        return router, Relay(router, self._meter)

    def _judge(self, loading: "asyncio.Task[tuple[Router, Relay]]") -> None:
        if loading.cancelled() or (error := loading.exception()) is None:
            return
        if isinstance(error, SynthmillError):
            self.refusal = error
            os.kill(os.getpid(), signal.SIGTERM)  # the way in which every stop begins
        else:
            _log.error("LiteLLM could not be loaded, no chat request will be answered", exc_info=error)

    def _hang_up(self) -> None:
        reload = asyncio.create_task(self.reload())
        self._reloads.add(reload)  # the loop itself holds tasks weakly
        reload.add_done_callback(self._reloads.discard)


def check(loaded: Loaded, catalog: Catalog) -> None:
    """Asks LiteLLM about the names in the file; takes seconds the first time. Raises FileInvalid."""
    from synthmill_gateway.known import faults
    from synthmill_gateway.router import trust

    loaded.refuse(faults(catalog))
    trust(catalog.file.ca_file)


def _read(file: Path) -> tuple[Loaded, Catalog]:
    loaded = load(file)
    catalog = catalog_of(loaded.file)
    check(loaded, catalog)
    return loaded, catalog
