"""What a tenant sees of its limits and of what it used."""

from pydantic import BaseModel, ConfigDict, Field

from synthmill_api.quotas.limits import Limits


class Use(BaseModel):
    """What counts towards the limits."""

    upload_bytes_today: int
    upload_bytes_this_month: int
    running_jobs: int
    tokens_this_month: int
    usd_this_month: float = Field(description="of calls whose provider said what they cost")


class Quotas(BaseModel):
    """Where the tenant stands; days and months are UTC's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant": "acme",
                    "limits": {"requests_per_second": 50, "burst": 100, "running_jobs": 4, "usd_a_month": 200.0},
                    "use": {
                        "upload_bytes_today": 18231,
                        "upload_bytes_this_month": 90112,
                        "running_jobs": 1,
                        "tokens_this_month": 1200345,
                        "usd_this_month": 3.91,
                    },
                }
            ]
        }
    )

    tenant: str
    limits: Limits
    use: Use
