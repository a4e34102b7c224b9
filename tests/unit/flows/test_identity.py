"""Flow, hooks and reconcile name the same job for the same run."""

import uuid
from types import SimpleNamespace

from synthmill_flows.identity import job_id_of

RUN = SimpleNamespace(id=uuid.UUID("11111111-2222-4333-8444-555555555555"))


def test_a_given_job_id_is_the_job() -> None:
    assert job_id_of(RUN, {"job_id": "job-1", "tenant": "default"}) == "job-1"


def test_without_one_the_run_is_the_job() -> None:
    assert job_id_of(RUN, {"job_id": None}) == str(RUN.id)
    assert job_id_of(RUN, {}) == str(RUN.id)
