"""The command line, `synthmill`: makes datasets, follows jobs, mends them, writes starter recipes.

# Layout
- `registry`     names and short helps of the commands; a command's module is imported only when it runs
- `boundary`     every error as a plain paragraph and an exit code, never a traceback
- `environment`  settings and the data folder
- `consoles`     what goes to stdout and what to stderr
- `conduct`      services and flow around one job, Ctrl-C included
- `follow`       the same on the stack, where services of their own do the work; `course` is shared
- `judging`      gate and release of a job that ends here, unless its flow run does them
- `session`      a job conducted from first line to summary: shared by `run` and `resume`
- `display`      progress while a job runs; `panel` and `lines` draw it, `pace` measures it
- `save`         a stream into a file
- `summary`      how a job ended, for people and as JSON
- `words`        numbers, money, times and sizes as people read them
- `find`         job ids by unique prefix
- `commands/`    one module a command; `remote/` those that a server carries out instead
"""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program and answers its exit code."""
    from synthmill.cli.boundary import guarded
    from synthmill.cli.registry import program

    return guarded(program, arguments)
