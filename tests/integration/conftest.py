"""What integration tests share: Prefect's test server, started once for those that need it."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prefect server of our own; flows in this process use it as well. It takes 10 to 15 s to start.

    Not async: the harness must not be entered inside a running event loop.
    """
    from prefect.filesystems import LocalFileSystem
    from prefect.settings import PREFECT_API_URL, PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, PREFECT_HOME, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect")
    with temporary_settings({PREFECT_HOME: home}), prefect_test_harness(server_startup_timeout=90):
        url = PREFECT_API_URL.value()
        assert url is not None
        LocalFileSystem(basepath=str(home / "results")).save("results", _sync=True)
        # Without a named storage Prefect asks the server by a client that it never closes: a warning, so an error.
        with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: "local-file-system/results"}):
            yield url
