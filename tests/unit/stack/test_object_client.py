"""How addresses of objects look, and what is refused before anything is asked."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from synthmill.errors import UserError
from synthmill.settings import MinioSettings
from synthmill.stack.object_client import http_pool, open_client, signing_client

SETTINGS = MinioSettings(
    endpoint="s3.example.org", tls=True, access_key=SecretStr("a"), secret_key=SecretStr("b"), bucket="synthmill"
)


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"path_style": True}, "https://s3.example.org/synthmill/tmp/key?"),
        ({"path_style": False}, "https://synthmill.s3.example.org/tmp/key?"),
        ({"public_endpoint": "files.example.com"}, "https://files.example.com/synthmill/tmp/key?"),
        ({"public_endpoint": "http://files:9000"}, "http://files:9000/synthmill/tmp/key?"),
        ({"public_endpoint": "https://files", "tls": False}, "https://files/synthmill/tmp/key?"),
        (
            {"endpoint": "s3.eu-west-1.amazonaws.com", "region": "eu-west-1", "path_style": False},
            "https://synthmill.s3.eu-west-1.amazonaws.com/tmp/key?",
        ),
    ],
)
def test_the_bucket_is_in_the_path_or_in_the_host_and_the_host_is_the_public_one(
    changes: dict[str, object], start: str
) -> None:
    settings = SETTINGS.model_copy(update=changes)
    client = signing_client(settings, open_client(settings, http_pool(settings)))
    url = client.presigned_get_object("synthmill", "tmp/key")
    assert url.startswith(start)
    assert f"%2F{settings.region}%2Fs3%2F" in url


def test_a_file_of_certificates_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SYNTHMILL_MINIO__CA_FILE"):
        http_pool(SETTINGS.model_copy(update={"ca_file": tmp_path / "none.pem"}))


def test_missing_keys_are_told() -> None:
    settings = SETTINGS.model_copy(update={"access_key": None})
    with pytest.raises(UserError, match="SYNTHMILL_MINIO__ACCESS_KEY"):
        open_client(settings, http_pool(settings))
