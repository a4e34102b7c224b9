"""The README's one request, taken from it and pasted into a shell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.repository import text

_BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def made_key(environment: Mapping[str, str]) -> str:
    """As the README has one made, in this environment."""
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all"]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=True).stdout.strip()


def pasted(url: str, key: str) -> str:
    """The id of the job that the request orders at this address."""
    (request,) = _BLOCK.findall(text(Path("README.md")))
    told = {"SYNTHMILL_API_URL": url, "SYNTHMILL_API_KEY": key, "NO_PROXY": "127.0.0.1"}
    command = ["bash", "-euo", "pipefail", "-c", request]
    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert "id" in answer, done.stdout
    return str(answer["id"])
