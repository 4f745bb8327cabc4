"""A SIP as the checks see it: what was read and measured, and what it is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.ingest.domain.agreement import Agreement
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.sip import DataObject, Manifest, MeasuredFile, Unit


@dataclass(frozen=True, slots=True)
class Sip:
    """`located` maps an object's identifier to the path of its file, among `paths`, all files of the package.

    `files` is empty when the package could not be measured; `rules` maps a known rule code to what is known of it;
    `manifest_name` is how findings call the manifest.
    """

    manifest: Manifest
    agreement: Agreement
    rules: Mapping[str, KnownRule]
    manifest_name: str = "manifest.xml"
    paths: tuple[str, ...] = ()
    located: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, MeasuredFile] = field(default_factory=dict)

    def place(self, thing: DataObject | Unit) -> str:
        """Return where a unit or an object stands, as findings say it."""
        return f"{self.manifest_name}:{thing.line} {thing.id}"

    def at(self, line: int, identifier: str = "") -> str:
        """Return a place in the manifest."""
        return f"{self.manifest_name}:{line} {identifier}".rstrip()

    def file_of(self, data_object: DataObject) -> MeasuredFile | None:
        """Return the measured file of an object, None if it has none or it was not measured."""
        return self.files.get(self.located.get(data_object.id, ""))
