"""The shuffle of range(n): each position goes to one place, and the key decides which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.planning.permutation import Permutation


@given(st.integers(1, 2_000), st.text(max_size=10))
def test_every_position_is_hit_once(size: int, key: str) -> None:
    permutation = Permutation(size, key)

    assert sorted(permutation(position) for position in range(size)) == list(range(size))


@given(st.integers(1, 1 << 40), st.text(max_size=10), st.data())
def test_big_ranges_are_kept_to_and_neighbours_differ(size: int, key: str, data: st.DataObject) -> None:
    permutation = Permutation(size, key)
    position = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1))

    assert 0 <= permutation(position) < size
    assert (permutation(position) == permutation(other)) == (position == other)


def test_the_key_decides() -> None:
    orders = {tuple(Permutation(50, f"key {n}")(position) for position in range(50)) for n in range(100)}

    assert len(orders) == 100


def test_the_order_is_the_same_in_every_version() -> None:
    assert [Permutation(12, "golden")(position) for position in range(12)] == GOLDEN


GOLDEN = [11, 3, 7, 0, 5, 4, 1, 10, 2, 8, 9, 6]


def test_positions_are_spread_evenly() -> None:
    """The first tenth of 10,000 positions lands in every tenth of the range about equally often."""
    permutation = Permutation(10_000, "spread")
    hits = [0] * 10
    for position in range(1_000):
        hits[permutation(position) // 1_000] += 1

    assert all(70 <= count <= 130 for count in hits), hits


def test_an_empty_range_has_no_permutation() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Permutation(0, "x")
