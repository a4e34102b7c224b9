"""A typed client of the REST API: `Client` for plain code, `AsyncClient` for coroutines; the same methods in both.

    from synthmill import Client

    with Client("http://127.0.0.1:8000", "smk_….…") as synthmill:
        source = synthmill.upload(Path("products.csv"))
        job = synthmill.create_job(stored_recipe="product_copy", sources=[source.id], records=200)
        synthmill.wait(job.id)
        synthmill.export(job.id, Path("products.jsonl"))

# Layout
- `plain`     the client; `coroutines` the same with await
- `calls`     every request as a value, and what becomes of its answer; both clients send the same ones
- `models`    what the answers hold
- `errors`    a refusal as an exception, with its code, hint and faults
- `patience`  how often, and how long, a request is tried again
- `frames`    server-sent events out of lines
- `files`     files on their way up and down
"""

from synthmill.client.coroutines import AsyncClient
from synthmill.client.errors import ApiError, Fault, Unreachable
from synthmill.client.plain import Client

__all__ = ["ApiError", "AsyncClient", "Client", "Fault", "Unreachable"]
