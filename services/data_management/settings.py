"""What an operator may set for data management."""

from pydantic import PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class DataManagementSettings(BaseSettings):
    """How much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    catalogue_slots: PositiveInt = 16
    """AIPs catalogued at once, those with large catalogues aside."""
