"""One run of the command: what was asked, what is set, and where it answers."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chartrier_client.cli.output import Output
from chartrier_client.http import Client
from chartrier_client.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """Handed to each action."""

    asked: argparse.Namespace
    settings: Settings
    output: Output

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The words of the command line, by name."""
        return vars(self.asked)

    def client(self) -> Client:
        """Return a client of the archive that is set; raises `SettingsError` where none is."""
        known = self.settings.credentials()
        return Client(known.base_url, known.client_id, known.client_secret, language=self.output.language)
