"""A log line reads alone and filters well."""

import io
import json
import logging

from synthmill import logs


def test_a_line_is_one_json_object_with_the_ids_as_fields(lines: io.StringIO) -> None:
    logging.getLogger("synthmill.x").info("job %s\nplanned", "j-1", extra={"job_id": "j-1", "seconds": 0.5})
    (line,) = lines.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["service"]) == ("job j-1\nplanned", "info", "worker")
    assert (entry["job_id"], entry["seconds"], entry["logger"]) == ("j-1", 0.5, "synthmill.x")
    assert entry["at"].endswith("Z")


def test_an_error_brings_its_traceback_and_stays_one_line(lines: io.StringIO) -> None:
    try:
        int("boom")
    except ValueError:
        logging.getLogger("synthmill.x").exception("failed")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["error"]


def test_of_other_libraries_only_what_is_wrong_is_kept(lines: io.StringIO) -> None:
    logging.getLogger("elastic_transport.transport").info("POST /_bulk [status:200]")
    logging.getLogger("elastic_transport.transport").warning("the node is dead")
    logging.getLogger("synthmill_worker.runner").info("planned")
    assert [json.loads(line)["message"] for line in lines.getvalue().splitlines()] == ["the node is dead", "planned"]


def test_configuring_again_replaces_and_does_not_double(lines: io.StringIO) -> None:
    logs.configure("bridge", stream=lines)
    logging.getLogger("synthmill.x").warning("once")
    assert [json.loads(line)["service"] for line in lines.getvalue().splitlines()] == ["bridge"]


def test_the_last_words_of_a_service_are_an_error_line(lines: io.StringIO) -> None:
    logs.last_words(ValueError("no space left"))
    entry = json.loads(lines.getvalue())
    assert (entry["level"], entry["message"]) == ("critical", "no space left")
