"""A job message: plan this round of this job. The job document decides what is still to be done."""

from pydantic import ValidationError

from synthmill import logs
from synthmill.jobs.plan_job import plan_job
from synthmill.ports.broker import Message
from synthmill.services import Services
from synthmill_schemas.job import JobMessage
from synthmill_worker import metrics
from synthmill_worker.handlers.words import Handled, Undecodable


def decode(message: Message) -> JobMessage:
    """The message's body, or `Undecodable`."""
    try:
        return JobMessage.model_validate_json(message.body)
    except ValidationError as error:
        raise Undecodable.because("a job message", error) from error


async def handle_job(services: Services, message: Message) -> Handled:
    """Plans the round that the message names. Raises `LeaseTaken` while another planner is at it."""
    wanted = decode(message)
    with logs.bound(job_id=wanted.job_id):
        return Handled(await plan_job(services, wanted, by="worker", on_stored=_count))


def _count(seeds: int, rejects: int) -> None:
    metrics.SEEDS.add(seeds)
    metrics.INPUT_REJECTS.add(rejects)
