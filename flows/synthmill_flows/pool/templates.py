"""The work pool's job template: Prefect's own for local processes, with our defaults."""

from pathlib import Path

from prefect.workers.process import ProcessWorker

from synthmill_schemas.base import JsonObject

POOL = "synthmill"
POOL_TYPE = "process"
POOL_DESCRIPTION = (
    "Flow runs of synthmill, as processes beside their worker. A run follows a job; it does none of its work."
)


def process_template(folder: Path) -> JsonObject:
    """`folder`: where runs work and relative paths in their parameters begin."""
    template: JsonObject = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["working_dir"]["default"] = str(folder)
    return template


def has_folder(template: JsonObject) -> bool:
    """Whether an existing template says where runs work; somebody's choice is left alone."""
    properties = template.get("variables", {}).get("properties", {})
    return bool(properties.get("working_dir", {}).get("default"))
