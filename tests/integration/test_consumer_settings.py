"""The consumer reads the settings that Python's services read: the same names, the same defaults."""

import subprocess

from pydantic import BaseModel

from synthmill.bridge.child import find_program
from synthmill.settings import ConsumerSettings, ElasticSettings, RabbitSettings, Settings

OF_PYTHON = {"program"}
"""How the bridge finds the consumer."""


def told() -> dict[str, str]:
    """Each setting's default by its name, as `--help` shows it; the Rust tests hold those to what is read."""
    command = [find_program(Settings()), "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in text.splitlines()]
    places = [
        (words, next((i for i, word in enumerate(words) if word.startswith("SYNTHMILL_")), -1)) for words in lines
    ]
    return {words[place]: words[place + 1] for words, place in places if place >= 0}


def defaults(group: str, model: type[BaseModel]) -> dict[str, str]:
    """The same as Python declares it; `-` is none."""
    shown = {name: str(field.default) for name, field in model.model_fields.items() if name not in OF_PYTHON}
    return {f"SYNTHMILL_{group}__{name.upper()}": _plain(text) for name, text in shown.items()}


def _plain(text: str) -> str:
    return "-" if text in ("", "None") else text.removesuffix(".0").rstrip("/")


def test_the_settings_of_the_far_ends_are_those_of_python() -> None:
    wanted = {**defaults("RABBITMQ", RabbitSettings), **defaults("ELASTICSEARCH", ElasticSettings)}
    known = {name: _plain(default) for name, default in told().items()}
    ours = {name: default for name, default in known.items() if "RABBITMQ__" in name or "ELASTICSEARCH__" in name}
    assert ours == wanted


def test_what_both_read_of_the_consumers_own_settings_has_one_default() -> None:
    wanted, known = defaults("CONSUMER", ConsumerSettings), told()
    known["SYNTHMILL_CONSUMER__PREFETCH"] = str(2 * int(known["SYNTHMILL_CONSUMER__CONCURRENCY"]))
    assert {name: known.get(name) for name in wanted} == wanted
