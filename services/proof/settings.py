"""What an operator may set for proof, beside what every room has."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.object_store.opening import StoreUrl


class ProofSettings(BaseSettings):
    """The patience of proof, and where containers of lines wait for storage; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    journal_gap_minutes: int = Field(default=5, ge=1)
    """A sender's batch that waits longer than this for the one before it is shown as late."""

    staging_url: StoreUrl

    journal_container_hours: int = Field(default=24, ge=2, le=24 * 31)
    """How long lines may be in this database alone before they leave for the sites."""
