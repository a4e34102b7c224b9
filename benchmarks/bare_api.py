"""A FastAPI application that answers with fixed bytes, served as ours is: what a route costs that does nothing.

`python -m benchmarks.bare_api FOLDER PORT`: `GET /NAME` answers with the file NAME of the folder, `POST /NAME` reads
the body first.
"""

import asyncio
import sys
from pathlib import Path

from fastapi import FastAPI, Request, Response

from synthmill.serving.http import serve
from synthmill.serving.listening import Listening


def bare(folder: Path) -> FastAPI:
    """The application."""
    app = FastAPI(openapi_url=None)
    bodies = {path.name: path.read_bytes() for path in folder.iterdir()}

    @app.get("/readyz")
    async def ready() -> Response:
        return Response(status_code=200)

    @app.get("/{name}")
    async def get(name: str) -> Response:
        return Response(bodies[name], media_type="application/json")

    @app.post("/{name}")
    async def post(name: str, request: Request) -> Response:
        async for _ in request.stream():
            pass
        return Response(bodies[name], 201, media_type="application/json")

    return app


if __name__ == "__main__":
    asyncio.run(serve(bare(Path(sys.argv[1])), Listening("127.0.0.1", int(sys.argv[2])), 5))
