"""What an operator may set for ingest."""

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.object_store.opening import StoreUrl
from shared.settings import SocketAddress


class IngestSettings(BaseSettings):
    """Staging, limits, the scanner, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    staging_url: StoreUrl
    """``file:///folder`` or ``s3://key:secret@host:port/bucket``."""

    max_sip_bytes: PositiveInt = 200 * 1024**3
    """No deposit may be larger, whatever its agreement says."""

    clamd: SocketAddress | None = None
    """``host:port`` or the path of a Unix socket; None: no antivirus."""

    clamd_stream_max: PositiveInt = 25 * 1024**2
    """Bytes of a file that are sent to it: at most clamd's own StreamMaxLength."""

    deposit_rate: float = Field(default=100, gt=0, allow_inf_nan=False)
    """Deposits a second of one client, in each process; beyond it, 429."""

    deposit_burst: int = Field(default=200, ge=1)
    """Deposits at once of a client that has been silent."""

    uploads: int = Field(default=128, ge=1)
    """Deposits whose bytes come in at once, in each process; beyond it, 503. Of one client a quarter; then 429."""

    ingest_processes: PositiveInt = 2
    """Child processes that check and build."""

    ingest_slots: PositiveInt = 16
    """Transfers in hand at once."""
