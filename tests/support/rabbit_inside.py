"""What a RabbitMQ of a test's own holds, told by its own command line rather than by a client."""

import json
import os
import subprocess
from typing import Any

from tests.support.servers import Server

_CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"


def declared(server: Server, prefix: str) -> dict[str, Any]:
    """All durable queues with their arguments and all exchanges of an installation, by kind and unprefixed name."""
    queues = _listed(server, "list_queues", "name", "durable", "arguments")
    exchanges = _listed(server, "list_exchanges", "name", "durable", "type")
    # each argument comes with its type on the wire: numbers of any width are the same to the broker
    found: dict[str, Any] = {
        f"queue {queue['name']}": {name: value for name, _, value in queue["arguments"]}
        for queue in queues
        if queue["durable"]
    }
    found |= {f"exchange {exchange['name']}": exchange["type"] for exchange in exchanges if exchange["durable"]}
    ours = {name: told for name, told in found.items() if name.split(" ")[1].startswith(prefix)}
    return dict(json.loads(json.dumps(ours).replace(prefix, "")))


def _listed(server: Server, what: str, *columns: str) -> list[dict[str, Any]]:
    environment = {
        **os.environ,
        "HOME": str(server.home),  # where the cookie is
        "RABBITMQ_NODENAME": "synthmill@localhost",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(server.port + 10_001),
    }
    command = [_CONTROL, "--quiet", what, *columns, "--formatter", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    return listed
