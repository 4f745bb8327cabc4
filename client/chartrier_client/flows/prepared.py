"""What a flow makes: packages ready to be written, and the parties that all of them name."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chartrier_client.description import Envelope
from chartrier_client.sip import SipBuilder


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sends to whom under which agreement: what every message of one municipality has in common.

    `date` is when the messages are written; the same date gives the same bytes.
    """

    archival_agency: str
    transferring_agency: str
    originating_agency: str
    agreement: str
    submission_agency: str | None = None
    date: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def envelope(self, message_identifier: str, comment: str | None = None) -> Envelope:
        """Return the header of one message."""
        return Envelope(
            message_identifier=message_identifier,
            archival_agency=self.archival_agency,
            transferring_agency=self.transferring_agency,
            originating_agency=self.originating_agency,
            submission_agency=self.submission_agency,
            agreement=self.agreement,
            comment=comment,
            date=self.date,
        )


@dataclass(frozen=True, slots=True)
class PreparedSip:
    """A package that can be written; its message identifier follows from what is in it."""

    message_identifier: str
    builder: SipBuilder

    def write_in(self, folder: Path) -> Path:
        """Write the package in a folder and return where it is.

        One that is there already is left as it is: sent again, the same bytes are the same transfer, whereas the
        same message in other bytes is refused as a duplicate.
        """
        path = folder / f"{_file_name(self.message_identifier)}.zip"
        if not path.exists():
            self.builder.write(path)
        return path


def _file_name(identifier: str) -> str:
    return re.sub(r"[^\w.-]", "_", identifier)
