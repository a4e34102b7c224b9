"""A client of the REST API, as a user's program is one: uploads, orders a job, follows it, reads its records."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx

from tests.support.wait import until

ENDED = {"completed", "completed_with_parked", "failed", "cancelled", "blocked"}
PARTS = ("accepted", "exhausted", "parked", "pending")


class Client:
    """`polls` are all statuses that were seen, each checked for requested = accepted + exhausted + parked + pending."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=120)
        self.polls: list[dict[str, Any]] = []

    def close(self) -> None:
        """Gives the connections back."""
        self.http.close()

    def upload(self, name: str, data: bytes | Iterable[bytes]) -> str:
        """A file's source id."""
        answer = self.send(name, data)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def send(self, name: str, data: bytes | Iterable[bytes]) -> httpx.Response:
        """The answer to an upload, whatever it is."""
        headers = {"content-type": "application/octet-stream"}
        return self.http.post("/v1/sources", params={"name": name}, content=data, headers=headers)

    def order(self, recipe: Mapping[str, Any], *sources: str, key: str | None = None, **more: Any) -> str:  # noqa: ANN401  as the API takes it
        """A job's id."""
        answer = self.http.post(
            "/v1/jobs",
            json={"recipe": recipe, "sources": sources, **more},
            headers={} if key is None else {"idempotency-key": key},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """The job's numbers; None when the API says, as it must, that a server behind is down."""
        answer = self.http.get(f"/v1/jobs/{job_id}")
        if answer.status_code == 503:
            assert answer.json()["code"].endswith("unavailable"), answer.text
            assert int(answer.headers["retry-after"]) > 0
            return None
        assert answer.status_code == 200, answer.text
        progress: dict[str, Any] = answer.json()
        assert min(progress[part] for part in PARTS) >= 0, progress
        assert sum(progress[part] for part in PARTS) == progress["requested"], progress
        self.polls.append(progress)
        return progress

    def ended(self, job_id: str, *, seconds: float = 120.0) -> dict[str, Any]:
        """The last status, once the job rests."""

        def rests() -> dict[str, Any]:
            progress = self.progress(job_id)
            return progress if progress is not None and progress["state"] in ENDED else {}

        try:
            return until(rests, f"the end of job {job_id}", seconds=seconds, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; the last status was {self.polls[-1:]}") from None

    def completed(self, job_id: str, records: int, *, seconds: float = 120.0) -> dict[str, Any]:
        """The same for a job that has to come to all its records."""
        progress = self.ended(job_id, seconds=seconds)
        assert (progress["state"], progress["accepted"]) == ("completed", records), progress
        return progress

    def records(self, job_id: str, *, limit: int = 1_000) -> Iterator[dict[str, Any]]:
        """All records, page by page."""
        cursor = None
        while True:
            parameters = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
            page = self.http.get(f"/v1/jobs/{job_id}/records", params=parameters).raise_for_status().json()
            yield from page["items"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def get(self, path: str, **parameters: str | int) -> Any:  # noqa: ANN401  JSON of many shapes
        """What lies under a path."""
        return self.http.get(path, params=parameters).raise_for_status().json()
