"""What an operator may set for proof, beside what every room has."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProofSettings(BaseSettings):
    """The patience of proof; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    journal_gap_minutes: int = Field(default=5, ge=1)
    """A sender's batch that waits longer than this for the one before it is shown as late."""
