"""What an operator may set for admin, beside what every room has."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict


class AdminSettings(BaseSettings):
    """How an installation gets its first client, tokens and webhooks; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    home: Path | None = None
    """Folder in which the first start leaves ``admin-client.json``; without it, see `create-client`."""

    bootstrap_full: bool = False
    """Whether the first client may also deposit and read: so that a newcomer can try everything with it."""

    token_rate: float = Field(default=50, gt=0, allow_inf_nan=False)
    """Requests for a token a second from one address, in each process; beyond it, 429."""

    token_burst: int = Field(default=200, ge=1)
    """Requests for a token at once from an address that has been silent."""

    wrong_secret_rate: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    """Wrong secrets a second, of one client from one address; beyond it, no secret is looked at."""

    wrong_secret_burst: int = Field(default=20, ge=1)
    """Wrong secrets at once, of one client from one address."""

    webhook_http: bool = False
    """Whether webhooks may go in clear (``http://``): for networks that are one's own."""

    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are not public and to which webhooks may go nevertheless."""

    webhook_ca: FilePath | None = None
    """Certificates (PEM) of authorities that receivers are believed by, beside the public ones."""

    webhook_slots: int = Field(default=32, ge=1, le=256)
    """Webhooks on their way at once in each process, one an endpoint; a quarter more where they fail or are slow."""

    webhook_log_days: int = Field(default=30, ge=1, le=3650)
    """How long a delivery that has ended is shown, and may be replayed."""

    webhook_patience_days: int = Field(default=5, ge=1, le=365)
    """How long an endpoint may answer nothing but failures before it is disabled."""
    profile_upload_bytes: int = Field(default=4 * 1024**2, ge=1024, le=64 * 1024**2)
    """Bytes of one archival profile: of what is sent, and of its documents once expanded."""

    profile_compile_seconds: int = Field(default=20, ge=1, le=600)
    """How long a profile that is uploaded may take to compile."""
