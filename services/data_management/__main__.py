"""Serve data management: ``python -m services.data_management serve|api|worker``."""

from services.data_management.settings import DataManagementSettings
from services.data_management.wiring import build
from shared.serving import main

if __name__ == "__main__":
    main("data_management", build, DataManagementSettings)
