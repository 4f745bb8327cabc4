"""What an operator may set for admin, beside what every room has."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class AdminSettings(BaseSettings):
    """How an installation gets its first client; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    home: Path | None = None
    """Folder in which the first start leaves ``admin-client.json``; without it, see `create-client`."""

    bootstrap_full: bool = False
    """Whether the first client may also deposit and read: so that a newcomer can try everything with it."""
