"""Run ingest as a process: ``python -m services.ingest serve|api|worker``."""

from services.ingest.settings import IngestSettings
from services.ingest.wiring import build
from shared.serving import main

if __name__ == "__main__":
    main("ingest", build, IngestSettings)
