"""The embedded profile does without the clients of the real servers."""

import subprocess
import sys


def test_the_embedded_profile_imports_no_client_of_a_server() -> None:
    program = (
        "import asyncio, sys, tempfile\n"
        "from pathlib import Path\n"
        "from synthmill.services import open_services\n"
        "from synthmill.settings import Settings\n"
        "async def main():\n"
        "    with tempfile.TemporaryDirectory() as home:\n"
        "        async with open_services(Settings(home=Path(home))):\n"
        "            print([name for name in ('aio_pika', 'elasticsearch', 'minio') if name in sys.modules])\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
