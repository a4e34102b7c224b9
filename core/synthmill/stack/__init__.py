"""The stack profile: the three ports on real servers.

# Layout
- `objects`    MinIO: the object store; `uploads`, `unfinished`, `lifecycle` and `object_…` serve it
- `rabbitmq`   RabbitMQ: the broker
- `elastic`    Elasticsearch: the record store
"""

from synthmill.stack.opening import open_stack

__all__ = ["open_stack"]
