"""What aio-pika's errors mean."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelPreconditionFailed,
    ProbableAuthenticationError,
)

from synthmill.errors import BrokerUnavailable, UserError

GONE = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""The connection or channel is no longer there, or does not answer."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns aio-pika's errors into ours; `what` was being done."""
    try:
        yield
    except (AuthenticationError, ProbableAuthenticationError) as error:
        raise UserError(f"{what}: the broker refuses the user, check SYNTHMILL_RABBITMQ__URL: {error}") from error
    except ChannelPreconditionFailed as error:
        raise UserError(f"{what}: a queue exists with other arguments, set another prefix: {error}") from error
    except GONE as error:
        raise BrokerUnavailable(f"{what}: {error!r}") from error
    except RuntimeError as error:  # what aio-pika and aiormq raise for a connection that was closed meanwhile
        raise BrokerUnavailable(f"{what}: {error!r}") from error
    except asyncio.CancelledError as error:
        # a closing channel cancels what waits on it, though nobody cancelled us
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise BrokerUnavailable(f"{what}: the channel was closed") from error
