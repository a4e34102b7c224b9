"""An export message: write this file of a job's records. The export's document decides what is still to be done."""

from pydantic import ValidationError

from synthmill.jobs.export.writing import Written, write_export
from synthmill.ports.broker import Message
from synthmill.services import Services
from synthmill_schemas.file_export import ExportMessage
from synthmill_worker.handlers.words import Handled, Undecodable

_HANDLED = {
    Written.DONE: Handled.EXPORTED,
    Written.FAILED: Handled.FAILED,
    Written.BEFORE: Handled.DONE_BEFORE,
    Written.MISSING: Handled.STALE,
}


async def handle_export(services: Services, message: Message) -> Handled:
    """Writes the file, unless that is done. Raises `LeaseTaken` while another worker is at it."""
    try:
        wanted = ExportMessage.model_validate_json(message.body)
    except ValidationError as error:
        raise Undecodable.because("an export message", error) from error
    return _HANDLED[await write_export(services, wanted.tenant, wanted.export_id)]
