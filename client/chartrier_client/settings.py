"""Where the archive is and who we are: flags first, then a file, then the environment.

This is the only module that reads the environment: CHARTRIER_URL, CHARTRIER_CLIENT_ID and
CHARTRIER_CLIENT_SECRET.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from chartrier_client.session import Credentials

VARIABLES = {
    "base_url": "CHARTRIER_URL",
    "client_id": "CHARTRIER_CLIENT_ID",
    "client_secret": "CHARTRIER_CLIENT_SECRET",
}


class SettingsError(Exception):
    """Something needed to reach the archive is missing; the text says where to put it."""


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def read_client_file(path: Path) -> dict[str, str]:
    """Read the JSON file that an archive writes for a client (base_url, client_id, client_secret)."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as a client file: {error}") from error
    if not isinstance(body, dict):
        raise SettingsError(f"{path} is not a client file: it holds no JSON object")
    return {name: str(body[name]) for name in VARIABLES if body.get(name)}


def credentials(
    flags: Mapping[str, str | None], client_file: Path | None, environment: Mapping[str, str]
) -> Credentials:
    """Gather what is needed to reach the archive, or say all that is missing."""
    known = {name: environment.get(variable) for name, variable in VARIABLES.items()}
    known |= read_client_file(client_file) if client_file else {}
    known |= {name: value for name, value in flags.items() if value}
    missing = [variable for name, variable in VARIABLES.items() if not known[name]]
    if missing:
        raise SettingsError(f"set {', '.join(missing)}, or name a file with --client-file")
    return Credentials(**{name: str(known[name]) for name in VARIABLES})
