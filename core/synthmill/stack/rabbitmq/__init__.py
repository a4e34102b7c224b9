"""The broker of the stack profile on RabbitMQ; the only package that names aio-pika.

# Layout
- `topology`     the queues and their arguments, from `schemas/queues.toml`
- `link`, `errors`   a connection that is opened anew when it was lost, and what its errors mean
- `envelope`     messages as they travel, with our own headers
- `publisher`    confirmed publishing
- `line`, `consumption`, `settling`   a consumer's channel, the consumer that outlives it, the end of deliveries
- `starts`       how often handling began, kept in the record store
- `census`       how many messages the consumers hold
- `broker`       the port
"""

from synthmill.stack.rabbitmq.broker import RabbitBroker

__all__ = ["RabbitBroker"]
