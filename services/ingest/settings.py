"""What an operator may set for ingest."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.ingest.grammars import NAMESPACES, UnusableGrammar, official_entry, official_grammar
from shared.object_store.opening import StoreUrl
from shared.settings import SocketAddress


def _official(folder: Path) -> Path:
    # The value is not repeated (see shared/configuration.py), nor what libxml2 says, which would hold it.
    for version in NAMESPACES:
        try:
            official_grammar(folder, version)
        except UnusableGrammar as error:
            entry = official_entry(version)
            raise ValueError(
                f"a folder of the official schemas is expected; {entry} is absent or no schema"
            ) from error
    return folder


class IngestSettings(BaseSettings):
    """Staging, limits, the grammars, the scanner, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    staging_url: StoreUrl
    """``file:///folder`` or ``s3://key:secret@host:port/bucket``."""

    max_sip_bytes: PositiveInt = 200 * 1024**3
    """No deposit may be larger, whatever its agreement says."""

    seda_xsd: Annotated[Path, AfterValidator(_official)] | None = None
    """Folder of the official SEDA schemas, ``<version>/seda-<version>-main.xsd`` each; None: ours judge."""

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
