"""What an operator may set for storage."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.object_store.space import USUAL


class SiteSettings(BaseModel):
    """One site as the operator declares it; the fields that its kind does not use stay empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["filesystem", "s3"]
    place: str
    path: str | None = None
    endpoint: str | None = None
    bucket: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None
    region: str = "us-east-1"
    secure: bool = True
    checksum: bool = True
    reserve_bytes: int = Field(default=USUAL.reserve, ge=0)
    """What new deposits may not take of it: work in hand lives from that."""
    quota_bytes: int | None = Field(default=None, ge=0)
    """What is ours of it in all; None: as much as there is, which a bucket does not tell."""
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE", "none"] = "none"


class StorageSettings(BaseSettings):
    """The sites, where AIPs wait to be copied, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    sites: tuple[SiteSettings, ...]
    staging_url: str

    retention_days: int = 180
    """How long a lock lasts before it is renewed: at least two audit periods."""

    storage_slots: int = 16
    """Copies written, and copies read back, at once."""
