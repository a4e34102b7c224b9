"""Settings as a command needs them: checked, with every fault told by its variable."""

from pydantic import ValidationError

from synthmill.errors import UserError
from synthmill.settings import Profile, Settings


def load_settings() -> Settings:
    """The settings of this process, or a `UserError` that names each bad variable."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"  {variable(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise UserError("\n".join(["settings that cannot be used:", *faults])) from error


def variable(path: tuple[int | str, ...]) -> str:
    """The environment variable of a setting, e.g. ("worker", "prefetch")."""
    return "SYNTHMILL_" + "__".join(str(part).upper() for part in path)


def whereabouts(settings: Settings) -> str:
    """Where the jobs are that a command sees."""
    return f"in {settings.home}" if settings.profile is Profile.EMBEDDED else f"of tenant {settings.tenant}"


def has_jobs(settings: Settings) -> bool:
    """Whether there may be jobs at all; asking must not create the data folder."""
    return settings.profile is not Profile.EMBEDDED or settings.home.is_dir()
