"""TLS in front of a server that speaks plain HTTP: ends it, passes the bytes on, and notes what keys were shown."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_AUTHORIZATION = re.compile(rb"\r\nauthorization: ([^\r]+)\r\n", re.IGNORECASE)
_BLOCK_BYTES = 1 << 16


@dataclass
class TlsProxy:
    """`port` takes TLS; `shown` are the values of all Authorization headers that came."""

    host: str
    target_port: int
    port: int = 0
    shown: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        there, here = await asyncio.open_connection(self.host, self.target_port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, here, note=True))
                both.create_task(self._pass_on(there, writer, note=False))
        except* OSError:
            pass  # one side went away
        finally:
            here.close()
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool) -> None:
        tail = b""
        while block := await reader.read(_BLOCK_BYTES):
            if note:
                self.shown |= {found.decode() for found in _AUTHORIZATION.findall(tail + block)}
                tail = block[-1_000:]
            writer.write(block)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def tls_proxy(certificates: Path, host: str, port: int) -> AsyncIterator[TlsProxy]:
    """One in front of host and port; `certificates` holds public.crt and private.key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "public.crt", certificates / "private.key")
    proxy = TlsProxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
