"""Serve access: ``python -m services.access serve|api|worker``."""

from services.access.settings import AccessSettings
from services.access.wiring import build
from shared.serving import main

if __name__ == "__main__":
    main("access", build, AccessSettings)
