"""What an operator may set for storage."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.storage.domain.sites import Site, SiteKind, UnsafeSitesError, require_safe_sites
from shared.object_store.opening import StoreUrl
from shared.object_store.port import LockMode
from shared.object_store.space import USUAL

NEEDED: Mapping[str, tuple[str, ...]] = {
    "filesystem": ("path",),
    "s3": ("endpoint", "bucket", "access_key", "secret_key"),
}
"""Fields of a site that its kind cannot do without."""

_ENDPOINT = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


class SiteSettings(BaseModel):
    """One site as the operator declares it; the fields that its kind does not use stay empty."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: str = Field(min_length=1)
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
    purger_access_key: str | None = None
    """Who alone deletes there: passes a governance lock, and of compliance waits for the end. None: nobody does."""
    purger_secret_key: SecretStr | None = None

    @field_validator("path", "endpoint", "bucket", "access_key", "secret_key")
    @classmethod
    def _given_where_needed(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind", "")
        if not value and info.field_name in NEEDED.get(kind, ()):
            raise ValueError(f"required for a site of kind {kind}")
        return value

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        if path and not path.startswith("/"):
            raise ValueError("an absolute folder is expected")
        return path

    @field_validator("endpoint")
    @classmethod
    def _host(cls, endpoint: str | None) -> str | None:
        if endpoint and _ENDPOINT.fullmatch(endpoint) is None:
            raise ValueError("host or host:port is expected, without a scheme")
        return endpoint

    @field_validator("purger_secret_key")
    @classmethod
    def _purger_apart(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        purger = info.data.get("purger_access_key")
        if bool(secret) != bool(purger):
            raise ValueError("the purger has both its keys, or none")
        if purger and info.data.get("kind") != "s3":
            raise ValueError("a folder has no keys, of a purger or anybody else")
        if purger and purger == info.data.get("access_key"):
            raise ValueError("the purger's key is not the service's: whoever writes could delete")
        return secret

    @property
    def site(self) -> Site:
        """Return the site without its secrets."""
        location = self.path or f"{self.endpoint}/{self.bucket}"
        lock = None if self.lock_mode == "none" else LockMode(self.lock_mode)
        return Site(self.name, SiteKind(self.kind), self.place, location, lock)


def _safe(sites: tuple[SiteSettings, ...]) -> tuple[SiteSettings, ...]:
    try:
        require_safe_sites([declared.site for declared in sites])
    except UnsafeSitesError as error:
        raise ValueError(str(error)) from None
    return sites


class StorageSettings(BaseSettings):
    """The sites, where AIPs wait to be copied, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    sites: Annotated[tuple[SiteSettings, ...], AfterValidator(_safe)]
    staging_url: StoreUrl

    retention_days: PositiveInt = 180
    """How long a lock lasts before it is renewed: at least two audit periods."""

    restore_test_days: PositiveInt = 30
    """How often an AIP of each establishment is read back whole from one site, and judged as a package."""

    @property
    def restore_test_period(self) -> timedelta:
        """Return how long an establishment may be without a restore test."""
        return timedelta(days=self.restore_test_days)

    storage_slots: PositiveInt = 16
    """Copies written, and copies read back, at once, large ones aside."""

    background_slots: PositiveInt = 4
    """Copies written or read back at once for what is stored already: repairs, and the filling of a new site."""

    audit_period_days: PositiveInt = 90
    """Within how many days every copy is read again, on every site."""

    @field_validator("audit_period_days")
    @classmethod
    def _renewed_in_time(cls, days: int, info: ValidationInfo) -> int:
        # Missing where it is wrong itself, which is told then.
        if 2 * days > info.data.get("retention_days", 2 * days):
            raise ValueError("at most half of CHARTRIER_RETENTION_DAYS, or locks end before audits renew them")
        return days

    audit_hands: int = Field(default=2, ge=1, le=16)
    """Copies of one site that are audited at once."""

    audit_share: float = Field(default=0.2, gt=0, le=1)
    """The share of its time that each of these hands reads; the rest is the deposits'."""
