"""Start admin: ``python -m services.admin serve|api|worker``, or make a client: ``… create-client``."""

import sys

from services.admin.command import NAME, create_client
from services.admin.settings import AdminSettings
from services.admin.wiring import build
from shared.serving import main

if __name__ == "__main__":
    if sys.argv[1:2] == [NAME]:
        sys.exit(create_client(sys.argv[2:]))
    main("admin", build, AdminSettings)
