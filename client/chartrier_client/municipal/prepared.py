"""What a flow makes: packages ready to be written, and the parties that all of them name."""

import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from lxml import etree

from chartrier_client.description import Envelope, SedaVersion
from chartrier_client.files import sha512_of_rest
from chartrier_client.language import Text
from chartrier_client.municipal.refusal import FlowError
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
    """A package that can be written; its message identifier follows from what is in it.

    `left_out` are paths of its folder that are not deposited: what systems leave beside the files of people.
    """

    message_identifier: str
    builder: SipBuilder
    left_out: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of its file: quoted, so that two messages never share one, nor leave their folder."""
        return f"{quote(self.message_identifier, safe='')}.zip"

    def write_in(self, folder: Path) -> Path:
        """Write the package in a folder and return where it is.

        One that is there already is left as it is: sent again, the same bytes are the same transfer, whereas the
        same message in other bytes is refused as a duplicate. Raises `FlowError` where that one came of other inputs,
        or is damaged: what was added since would be in no transfer at all.
        """
        path = folder / self.file_name
        if not path.exists():
            self.builder.write(path)
        elif not _is_written_by(self.builder, path):
            raise FlowError(
                self.message_identifier,
                [
                    Text(
                        f"le paquet {path.name}, déjà écrit, vient d'autres données : remettez-les, ou supprimez-le "
                        "pour verser celles-ci",
                        f"the package {path.name}, written before, came of other inputs: put them back, or delete it "
                        "so that these are deposited",
                    )
                ],
            )
        return path


def _is_written_by(builder: SipBuilder, path: Path) -> bool:
    """Tell whether a package holds the manifest that a builder would write, but for the moment of its message.

    The manifest is the fingerprint of its inputs: it names each file with its size and digest, and all that is said
    of them; and it is never without its package, nor the package without it.
    """
    try:
        with zipfile.ZipFile(path) as package:
            with package.open("manifest.xml") as manifest:
                dates = etree.iterparse(manifest, tag="{*}Date", resolve_entities=False, load_dtd=False)
                moment = datetime.fromisoformat(next(element.text or "" for _, element in dates))
            with package.open("manifest.xml") as manifest:
                digest = sha512_of_rest(manifest)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, StopIteration, etree.XMLSyntaxError):
        return False
    return digest == builder.manifest_digest(moment)
