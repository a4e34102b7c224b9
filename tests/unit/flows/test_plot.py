"""The picture of a job is an SVG that any browser can read, whatever the job came to."""

import base64
from xml.etree import ElementTree

import pytest

from synthmill_flows.plot import HEIGHT, WIDTH, Point, drawing, picture

SVG = "{http://www.w3.org/2000/svg}"


def lines(points: list[Point]) -> list[list[tuple[float, float]]]:
    found = ElementTree.fromstring(drawing(points)).findall(f"{SVG}polyline")
    return [[tuple(map(float, at.split(","))) for at in line.attrib["points"].split()] for line in found]  # type: ignore[misc]


def test_records_and_cost_rise_from_left_to_right() -> None:
    records, cost = lines([Point(0, 0, 0.0), Point(5, 50, 0.1), Point(10, 100, 0.4)])
    for line in (records, cost):
        assert [x for x, _ in line] == sorted(x for x, _ in line)
        assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)


def test_an_unknown_cost_draws_no_line() -> None:
    assert len(lines([Point(0, 0, None), Point(3, 9, None)])) == 1


@pytest.mark.parametrize("points", [[], [Point(0.0, 0, None)], [Point(0.0, 7, 0.0)]], ids=len)
def test_a_job_without_a_course_is_drawn_all_the_same(points: list[Point]) -> None:
    assert ElementTree.fromstring(drawing(points)).tag == f"{SVG}svg"


def test_the_picture_is_a_data_url() -> None:
    kind, _, data = picture([Point(0, 0, None), Point(2, 8, None)]).partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert "8 records in 2 s, 4.0 a second" in base64.b64decode(data).decode()
