"""The installation's secret: from the settings, or a file in the data folder that is made once."""

import os
import secrets
from pathlib import Path

from synthmill.errors import UserError
from synthmill.settings import Profile, Settings
from synthmill_api.config import ApiConfig

_FILE = "api.secret"


def installation_secret(config: ApiConfig, settings: Settings) -> str:
    """The same for every process of the installation; `UserError` where only the operator can give it."""
    if config.secret is not None:
        return config.secret.get_secret_value()
    if settings.profile is Profile.STACK:
        raise UserError("set SYNTHMILL_API__SECRET to 32 or more random characters, the same for every API process")
    return _from_file(settings.home.absolute() / _FILE)


def _from_file(path: Path) -> str:
    """Reads the file; whoever comes first makes it, complete or not at all."""
    if not path.exists():
        partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return path.read_text()
