"""What an operator may set for any room: environment variables ``CHARTRIER_…`` (see docs/settings.md)."""

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.limits import USUAL
from shared.messaging.work import LEASE_SECONDS
from shared.rooms import ROOMS

# What a validator says is shown to operators, and may be logged: it never repeats the value.


def _database(url: SecretStr) -> SecretStr:
    try:
        said = make_url(url.get_secret_value())
        right = said.drivername == "postgresql+asyncpg" and bool(said.username and said.database)
    except (ArgumentError, ValueError):
        right = False
    if not right:
        raise ValueError("an address is expected: postgresql+asyncpg:// with role, password, host and database")
    return url


def _broker(url: SecretStr) -> SecretStr:
    if url.get_secret_value() != "local" and not _is_url(url.get_secret_value(), ("amqp", "amqps")):
        raise ValueError("amqp://… or amqps://… is expected, or local inside one process")
    return url


def _remote_broker(url: SecretStr) -> SecretStr:
    # Delivery in process would take what is meant for the other rooms for delivered.
    if not _is_url(url.get_secret_value(), ("amqp", "amqps")):
        raise ValueError("amqp://… or amqps://… is expected: a room in a process of its own has others to reach")
    return url


def _origin(url: str) -> str:
    if not _is_url(url, ("http", "https")) or urlsplit(url)._replace(scheme="", netloc="").geturl() not in ("", "/"):
        raise ValueError("an origin is expected: http://host[:port] or https://host[:port], nothing after it")
    return url


def _collector(url: str) -> str:
    if not _is_url(url, ("http", "https")):
        raise ValueError("http://host:4318 or https://… is expected, without /v1/traces")
    return url


def _networks(listed: str) -> str:
    try:
        for one in listed.split(","):
            ip_network(one.strip())
    except ValueError as error:
        raise ValueError("addresses and networks are expected, with commas, as in 10.0.0.0/8,192.168.1.7") from error
    return listed


def _socket(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not address.startswith("/") and not (host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("host:port is expected, or the absolute path of a Unix socket")
    return address


def _room(name: str) -> str:
    if name not in ROOMS:
        raise ValueError(f"no room has this name; they are {', '.join(ROOMS)}")
    return name


def _is_url(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
"""SQLAlchemy's URL of a PostgreSQL: ``postgresql+asyncpg://…``."""

Origin = Annotated[str, AfterValidator(_origin)]
"""``http(s)://host[:port]``."""

SocketAddress = Annotated[str, AfterValidator(_socket)]
"""``host:port``, or the absolute path of a Unix socket."""

RoomName = Annotated[str, AfterValidator(_room)]

Port = Annotated[int, Field(ge=1, le=65535)]


class RoomSettings(BaseSettings):
    """Where a room finds its database, its broker, the other rooms; read once, then passed down."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    database_url: DatabaseUrl
    """SQLAlchemy URL (``postgresql+asyncpg://…``) of this room's own role."""

    broker_url: Annotated[SecretStr, AfterValidator(_broker)] = SecretStr("local")
    """``amqp://…``, or ``local`` for delivery inside one process."""

    internal_secret: SecretStr = Field(min_length=32)
    """Shared by the rooms; signs the short tokens they show each other for work nobody waits for."""

    internal_secrets_also: tuple[Annotated[SecretStr, Field(min_length=32)], ...] = ()
    """Accepted beside it, and never signed with: the next or the former one, while it is being changed."""

    base_url: Origin = "http://127.0.0.1:8000"
    """The public origin, as clients see it: in links, and as the issuer of tokens."""

    room_urls: dict[RoomName, Origin] = Field(default_factory=dict)
    """Room → origin where the others reach it; a room that is not named is at `base_url`."""

    host: str = "127.0.0.1"
    port: Port = 8000
    database_pool: PositiveInt = 12

    lease_seconds: float = Field(default=LEASE_SECONDS, gt=0, allow_inf_nan=False)
    """How long work stays with a worker that no longer says it lives; renewed every third of it."""

    request_rate: float = Field(default=USUAL.rate.per_second, gt=0, allow_inf_nan=False)
    """Requests a second of one client, in each process; beyond it, 429."""

    request_burst: int = Field(default=USUAL.rate.burst, ge=1)
    """Requests at once of a client that has been silent."""

    requests_in_hand: int = Field(default=USUAL.in_hand, ge=1)
    """Requests answered at once by a process; beyond it, 503."""

    client_stall_seconds: float = Field(default=USUAL.stall_seconds, gt=0, allow_inf_nan=False)
    """How long a client may take to send the next byte, or to read what waits for it, before it is cut."""

    client_least_rate: int = Field(default=USUAL.least_rate, ge=0)
    """Bytes a second that a client must send on average, once it has taken `client_stall_seconds` in all."""

    trusted_proxies: Annotated[str, AfterValidator(_networks)] = "127.0.0.1"
    """Addresses or networks, with commas, whose ``X-Forwarded-For`` is believed."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    otlp_endpoint: Annotated[str, AfterValidator(_collector)] | None = None
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


class ProcessSettings(RoomSettings):
    """The same for a room in a process of its own, which needs a broker."""

    broker_url: Annotated[SecretStr, AfterValidator(_remote_broker)]
