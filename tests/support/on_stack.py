"""Which tests need the real servers, and whether they run: with SYNTHMILL_TEST_STACK=1, after `make stack`.

Without it they are left out, and the summary says so; with it a server that is missing is a failure.
"""

import os

import pytest

WANTED = os.environ.get("SYNTHMILL_TEST_STACK") == "1"

ON_STACK = (pytest.mark.integration, pytest.mark.stack)
"""The marks of such a test."""
