"""The real consumer behind a pipe that kills it, as a segmentation fault would, when a slot has the flavour POISON."""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """`fragile_consumer.py ARGUMENTS…`: the consumer's path is in FRAGILE_CONSUMER."""
    with subprocess.Popen([os.environ["FRAGILE_CONSUMER"], *sys.argv[1:]], stdin=subprocess.PIPE) as consumer:
        signal.signal(signal.SIGTERM, lambda *_: consumer.terminate())
        threading.Thread(target=lambda: os._exit(consumer.wait()), daemon=True).start()
        assert consumer.stdin is not None
        for line in sys.stdin.buffer:
            if b'"flavour":"POISON"' in line:
                consumer.kill()
                os.kill(os.getpid(), signal.SIGKILL)
            consumer.stdin.write(line)
            consumer.stdin.flush()
        consumer.stdin.close()
        return consumer.wait()


if __name__ == "__main__":
    sys.exit(main())
