"""The api's settings, on top of the shared ones."""

from pydantic import Field

from shared.settings import SharedSettings


class ApiSettings(SharedSettings):
    """Limits of what a client may send and wait for; every field is an environment variable."""

    predict_wait_s: float = Field(default=30.0, ge=0, le=120)
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1)
    max_job_items: int = Field(default=10_000, ge=1)
    max_job_bytes: int = Field(default=4 * 1024**3, ge=1)
    max_queued_items: int = Field(default=20_000, ge=1)
    max_connections: int = Field(default=2_000, ge=1, le=100_000)
    client_timeout_s: int = Field(default=20, ge=1, le=3_600)
