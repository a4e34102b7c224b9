"""What all our blocks have in common."""

from abc import abstractmethod
from typing import Self

from prefect.blocks.core import Block

DEFAULT_NAME = "synthmill"
"""What `make deploy` calls the blocks of an installation."""


class ServerBlock(Block):
    """A server and what opens it. Secrets have no default: Prefect would publish it in the block's schema."""

    @classmethod
    @abstractmethod
    def from_env(cls) -> Self:
        """As the SYNTHMILL_… variables of this process say."""

    @abstractmethod
    async def check(self) -> None:
        """Connects as the services do; raises a `SynthmillError` that says what is wrong."""
