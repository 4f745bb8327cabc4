"""The administrator's credentials, written once by the admin room and shown in the one place people look."""

import json
from pathlib import Path

from services.local import files


def publish(source: Path, home: Path, base_url: str) -> Path | None:
    """Copy the credentials to `<home>/admin-client.json` (mode 600) with the address in use.

    Each way of running keeps its own credentials aside and publishes them at every start, so that starting
    one after the other never loses a secret that was shown once.
    """
    if not source.is_file():
        return None
    known = json.loads(source.read_text(encoding="utf-8"))
    place = home / "admin-client.json"
    files.write_private(place, json.dumps({**known, "base_url": base_url}, indent=1) + "\n")
    return place
