"""Tells a parent on which port a service listens."""

import os
from pathlib import Path


def announce(path: Path, host: str, port: int) -> None:
    """`host:port` into the file, which appears complete or not at all: readers poll for it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{host}:{port}", encoding="utf-8")
    partial.replace(path)
