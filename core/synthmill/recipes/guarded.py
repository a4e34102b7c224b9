"""JSON values without the methods of Python's types, for the template engine."""


class _Object(dict[str, object]):
    """A JSON object without Python's methods, so that `{{ row.copy }}` is undefined as it is in the consumer.

    The binding takes a value for a mapping if it has `items`; only after a failed look-up of the key
    "items" is it asked for as a member, and then it must not be there.
    """

    __slots__ = ("_missed",)

    def __missing__(self, key: str) -> object:
        object.__setattr__(self, "_missed", key == "items")
        raise KeyError(key)

    def __getattribute__(self, name: str) -> object:
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        if name == "items" and not _was_missed(self):
            return object.__getattribute__(self, name)
        raise AttributeError(name)


def _was_missed(value: _Object) -> bool:
    try:
        missed = bool(object.__getattribute__(value, "_missed"))
    except AttributeError:
        return False
    object.__setattr__(value, "_missed", False)
    return missed


class _List(list[object]):
    """A JSON list without Python's methods."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> object:
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        raise AttributeError(name)


def guarded(value: object) -> object:
    """The value with its maps and lists, at every depth, made free of methods."""
    if isinstance(value, dict):
        return _Object({key: guarded(item) for key, item in value.items()})
    if isinstance(value, list):
        return _List([guarded(item) for item in value])
    return value
