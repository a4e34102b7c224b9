"""Where every error ends: its text on stderr, its exit code, and a traceback only in a file."""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from synthmill.errors import SynthmillError

UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 128 + signal.SIGINT
_BROKEN_PIPE = 128 + signal.SIGPIPE


def guarded(program: click.Command, arguments: Sequence[str] | None) -> int:
    """Runs the program; whatever it raises becomes a paragraph and the exit code that belongs to it."""
    try:
        code = program.main(arguments, prog_name="synthmill", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except BaseException as raised:  # noqa: BLE001 - the outermost frame: nothing may pass it as a traceback
        return _explain(_cause(raised))
    return code if isinstance(code, int) else 0


def _explain(error: BaseException) -> int:
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
        case SynthmillError():
            complain(str(error))
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            complain("stopped")
            return INTERRUPTED
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case _:
            return _unexpected(error)


def complain(text: str) -> None:
    """A paragraph on stderr, with the program's name before it."""
    click.echo(f"{click.style('synthmill:', fg='red', bold=True)} {text}", err=True)


def _cause(error: BaseException) -> BaseException:
    """The one error in a group of one; groups come from tasks that ran side by side."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _unexpected(error: BaseException) -> int:
    log = _write_log(error)
    complain(f"an error that should not happen: {type(error).__name__}: {error}\nThe whole story is in {log}.")
    return UNEXPECTED


def _write_log(error: BaseException) -> Path:
    text = "".join(traceback.format_exception(error))
    name = f"error-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    for folder in (Path(os.environ.get("SYNTHMILL_HOME", ".synthmill")) / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / name
            log.write_text(f"{' '.join(sys.argv)}\n\n{text}", encoding="utf-8")
        except OSError:
            continue
        return log
    return Path("nowhere, for no folder could be written")


def _reader_left() -> int:
    """`synthmill logs JOB | head`: whoever read our stdout has enough, and Python must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE
