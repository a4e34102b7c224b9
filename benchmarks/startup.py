"""How long a person waits before the first character: the command line beside the imports that it avoids."""

import sys

from benchmarks.measure import Figure, repeated

_RUNS = 7


def figures() -> list[Figure]:
    """Median wall seconds of a whole process."""
    python = sys.executable
    commands = {
        "python, nothing imported": ["-c", "pass"],
        "synthmill --help": ["-m", "synthmill", "--help"],
        "synthmill validate examples/patients/recipe.yaml": [
            "-m",
            "synthmill",
            "validate",
            "examples/patients/recipe.yaml",
        ],
        "import prefect": ["-c", "import prefect"],
    }
    measured = {name: repeated([python, *arguments], _RUNS) for name, arguments in commands.items()}
    return [Figure(name, f"{times.wall:.2f} s", f"{times.cpu:.2f} s CPU") for name, times in measured.items()]
