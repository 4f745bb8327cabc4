"""What an operator may set for access."""

from pydantic import PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.object_store.opening import StoreUrl


class AccessSettings(BaseSettings):
    """Where packages lie, how long they are kept and how large they may be."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    staging_url: StoreUrl
    """``file:///folder``, ``s3://…`` or ``s3+http://…``; packages lie below ``dips/``."""

    dip_slots: PositiveInt = 2
    """Packages built at once."""

    dip_days: PositiveInt = 7
    """How long a package may be fetched."""

    dip_max_units: PositiveInt = 20_000
    dip_max_bytes: PositiveInt = 100 * 1024**3
    """A larger order fails, and its reason says so."""
