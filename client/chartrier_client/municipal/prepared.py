"""What a flow makes: packages ready to be written, and the parties that all of them name."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from chartrier_client.description import Envelope, SedaVersion
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
    version: SedaVersion = SedaVersion.V2_2

    def builder(self, message_identifier: str) -> SipBuilder:
        """Return a builder with the header of one message."""
        envelope = Envelope(
            message_identifier=message_identifier,
            archival_agency=self.archival_agency,
            transferring_agency=self.transferring_agency,
            originating_agency=self.originating_agency,
            submission_agency=self.submission_agency,
            agreement=self.agreement,
            date=self.date,
        )
        return SipBuilder(envelope, self.version)


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
        # Quoted, so that two messages never share a name, nor leave the folder.
        path = folder / f"{quote(self.message_identifier, safe='')}.zip"
        if not path.exists():
            self.builder.write(path)
        return path
