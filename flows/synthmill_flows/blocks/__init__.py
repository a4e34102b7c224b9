"""Prefect blocks for the servers that synthmill works with, so that flows of your own reach them by name.

Registered by the entry point `prefect.collections` when a Prefect server or worker starts, so this module stays light:
what a block talks through is imported when it talks. Each has `from_env()`, the settings of this installation, and
`check()`, which connects for real and raises what is wrong.
"""

from synthmill_flows.blocks.servers import ElasticsearchStore, MinioBucket, RabbitMQBroker
from synthmill_flows.blocks.services import LlmGateway, SynthmillApi

__all__ = ["ElasticsearchStore", "LlmGateway", "MinioBucket", "RabbitMQBroker", "SynthmillApi"]
