"""From a few requests to the whole: the ratio of what they took to what they gave, and how sure that is."""

import random

from synthmill.jobs.sample import Sample, Took, t_of


def sample(*requests: Took) -> Sample:
    return Sample({str(number): took for number, took in enumerate(requests)})


def test_failed_tries_are_paid_by_the_records_that_came() -> None:
    found = sample(*(Took(cost=1.0, accepted=1) for _ in range(3)), Took(cost=1.0)).of_all("cost", 300)
    assert found is not None
    assert abs(found.expected - 400) < 1e-9
    assert found.low < 400 < found.high


def test_requests_that_are_all_alike_leave_no_doubt() -> None:
    found = sample(*(Took(prompt=100, accepted=2) for _ in range(5))).of_all("prompt", 1_000)
    assert found is not None
    assert (found.low, found.expected, found.high) == (50_000, 50_000, 50_000)


def test_nothing_accepted_tells_nothing_and_one_request_tells_little() -> None:
    assert sample(Took(cost=1.0), Took(cost=2.0)).of_all("cost", 10) is None
    alone = sample(Took(cost=1.0, accepted=1)).of_all("cost", 10)
    assert alone is not None
    assert (alone.low, alone.expected) == (0.0, 10.0)
    assert alone.high > 100


def test_the_true_sum_lies_within_in_about_nineteen_of_twenty_cases() -> None:
    rng, held, tries = random.Random(5), 0, 600
    for _ in range(tries):
        requests = [Took(cost=rng.expovariate(1.0), accepted=int(rng.random() < 0.8)) for _ in range(12)]
        found = sample(*requests).of_all("cost", 1)
        held += found is not None and found.low <= 1 / 0.8 <= found.high
    assert 0.88 < held / tries < 0.99


def test_students_t_falls_to_that_of_the_normal_distribution() -> None:
    values = [t_of(freedom) for freedom in range(1, 200)]
    assert values == sorted(values, reverse=True)
    assert abs(t_of(20) - 2.086) < 0.001
    assert abs(t_of(100) - 1.984) < 0.001
