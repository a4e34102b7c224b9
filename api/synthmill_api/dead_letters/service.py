"""Finds dead letters, and has core decide about them."""

from synthmill.dead_letters.letters import find_letter
from synthmill.dead_letters.replay import Clerk, Decided, Outcome
from synthmill.services import Services
from synthmill_api.auth.scopes import Caller
from synthmill_api.errors import Code, Refused
from synthmill_schemas.dead_letter import DeadLetterDocument


async def get(services: Services, tenant: str, letter_id: str) -> DeadLetterDocument:
    """The letter, or a 404."""
    letter = await find_letter(services.store, tenant, letter_id)
    if letter is None:
        raise Refused(Code.NOT_FOUND, f"there is no dead letter {letter_id}")
    return letter


async def replay(services: Services, caller: Caller, letter_id: str) -> Decided:
    """Gives its work to the services again; a 409 when its job does not allow it."""
    (decided,) = await _clerk(services, caller).replay([await get(services, caller.tenant, letter_id)])
    if decided.outcome is Outcome.REFUSED:
        raise Refused(Code.JOB_STATE, decided.reason or "it cannot be replayed")
    return decided


async def drop(services: Services, caller: Caller, letter_id: str) -> Decided:
    """Leaves it for good."""
    (decided,) = await _clerk(services, caller).drop([await get(services, caller.tenant, letter_id)])
    return decided


def _clerk(services: Services, caller: Caller) -> Clerk:
    return Clerk(services, caller.tenant, "api", f"key {caller.key}")
