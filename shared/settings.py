"""What an operator may set for any room: environment variables ``CHARTRIER_…`` (see docs/settings.md)."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.messaging.work import LEASE_SECONDS


class RoomSettings(BaseSettings):
    """Where a room finds its database, its broker, the other rooms; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    database_url: SecretStr
    """SQLAlchemy URL (``postgresql+asyncpg://…``) of this room's own role."""

    broker_url: SecretStr = SecretStr("local")
    """``amqp://…``, or ``local`` for delivery inside one process."""

    internal_secret: SecretStr = Field(min_length=32)
    """Shared by the rooms; signs the short tokens they show each other for work nobody waits for."""

    internal_secrets_also: tuple[Annotated[SecretStr, Field(min_length=32)], ...] = ()
    """Accepted beside it, and never signed with: the next or the former one, while it is being changed."""

    base_url: str = "http://127.0.0.1:8000"
    """The public origin, as clients see it: in links, and as the issuer of tokens."""

    room_urls: dict[str, str] = Field(default_factory=dict)
    """Room → origin where the others reach it; a room that is not named is at `base_url`."""

    host: str = "127.0.0.1"
    port: int = 8000
    database_pool: int = 12

    lease_seconds: float = Field(default=LEASE_SECONDS, gt=0)
    """How long work stays with a worker that no longer says it lives; renewed every third of it."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    otlp_endpoint: str | None = None
    """Where an OpenTelemetry collector takes traces (OTLP over HTTP), without ``/v1/traces``; None: nowhere."""

    trace_share: float = Field(default=1.0, ge=0, le=1)
    """How many of all traces are recorded, the same ones in every room."""

    @property
    def former_and_next_secrets(self) -> tuple[str, ...]:
        """Return what is accepted beside `internal_secret`, in clear."""
        return tuple(secret.get_secret_value() for secret in self.internal_secrets_also)

    def url_of(self, room: str) -> str:
        """Return the origin of a room, without a final slash."""
        return self.room_urls.get(room, self.base_url).rstrip("/")
