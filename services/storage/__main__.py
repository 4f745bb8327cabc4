"""Run storage as a process: ``python -m services.storage serve|api|worker``."""

from services.storage.settings import StorageSettings
from services.storage.wiring import build
from shared.serving import main

if __name__ == "__main__":
    main("storage", build, StorageSettings)
