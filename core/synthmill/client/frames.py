"""Server-sent events out of lines, and where a listener that lost its connection goes on."""

import json
from dataclasses import dataclass, field

from synthmill.client.models import Answer, End, Event, JobProgress, StateChanged, Told

_MODELS: dict[str, type[Answer]] = {"state": StateChanged, "event": Event, "progress": JobProgress, "end": End}


@dataclass(slots=True)
class Listener:
    """Reads lines; `position` is given back as `Last-Event-ID`."""

    position: str | None = None
    _event: str = ""
    _id: str | None = None
    _data: list[str] = field(default_factory=list)

    def reconnected(self) -> None:
        """Forgets what a broken connection left half said."""
        self._event, self._id, self._data = "", None, []

    def line(self, text: str) -> Told | None:
        """What was told, at the empty line behind it; kinds that are not known are passed over."""
        if text:
            self._take(text)
            return None
        model, data, id_ = _MODELS.get(self._event), "\n".join(self._data), self._id
        self.reconnected()
        if id_ is not None:
            self.position = id_
        if model is None or not data:
            return None
        told = model.model_validate(json.loads(data))
        assert isinstance(told, StateChanged | Event | JobProgress | End)
        return told

    def _take(self, text: str) -> None:
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
