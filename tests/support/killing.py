"""For tests that kill at a random moment: seeds that can be repeated, and the provider's log as the witness."""

import os
import random

from tests.support.provider import Provider, read_calls


def random_seeds(count: int) -> list[int]:
    """New seeds each time, or the one given by SYNTHMILL_TEST_SEED to repeat a failure."""
    given = os.environ.get("SYNTHMILL_TEST_SEED")
    return [int(given)] if given else [random.SystemRandom().randrange(1 << 31) for _ in range(count)]


def answered(provider: Provider) -> list[str]:
    """The attempt ids of all answers that the provider gave."""
    return [attempt for call in read_calls(provider.log) if call["status"] == 200 for attempt in call["attempt_ids"]]
