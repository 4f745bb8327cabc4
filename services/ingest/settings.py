"""What an operator may set for ingest."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, PositiveInt, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.ingest.domain.errors import UnusableTrust
from services.ingest.domain.limits import Limits
from services.ingest.domain.widest import WIDEST
from services.ingest.grammars import NAMESPACES, UnusableGrammar, official_entry, official_grammar
from shared.object_store.opening import StoreUrl
from shared.settings import SocketAddress

_USUAL: Final = Limits()
_HOUR: Final = 3600


def _official(folder: Path) -> Path:
    # The value is not repeated (see shared/configuration.py), nor what libxml2 says, which would hold it.
    for version in NAMESPACES:
        try:
            official_grammar(folder, version)
        except UnusableGrammar as error:
            entry = official_entry(version)
            raise ValueError(
                f"a folder of the official schemas is expected; {entry} is absent or no schema"
            ) from error
    return folder


def _trusted(place: Path) -> Path:
    # Only where it is set: nothing else in a room that runs reads certificates.
    from services.ingest.trust import load_trust  # noqa: PLC0415 (see above)

    try:
        load_trust(place)
    except UnusableTrust as error:
        raise ValueError(str(error)) from error
    return place


class IngestSettings(BaseSettings):
    """Staging, limits, the grammars, the scanner, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    staging_url: StoreUrl
    """``file:///folder`` or ``s3://key:secret@host:port/bucket``."""

    max_sip_bytes: PositiveInt = 200 * 1024**3
    """No deposit may be larger, whatever its agreement says."""

    seda_xsd: Annotated[Path, AfterValidator(_official)] | None = None
    """Folder of the official SEDA schemas, ``<version>/seda-<version>-main.xsd`` each; None: ours judge."""

    signature_trust: Annotated[Path, AfterValidator(_trusted)] | None = None
    """Folder, or PEM file, of the certificates that signatures are trusted by, and of CRLs; None: nobody is."""

    probative: bool = False
    """Whether what is archived is to be believed: then nothing is taken in that no antivirus has looked at."""

    clamd: SocketAddress | None = Field(default=None, validate_default=True)
    """``host:port`` or the path of a Unix socket; None: no antivirus."""

    @field_validator("clamd")
    @classmethod
    def _there_where_it_counts(cls, clamd: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("probative") and clamd is None:
            raise ValueError("a probative archive has an antivirus")
        return clamd

    clamd_stream_max: PositiveInt = 25 * 1024**2
    """Bytes of a file that are sent to it: at most clamd's own StreamMaxLength."""

    deposit_rate: float = Field(default=100, gt=0, allow_inf_nan=False)
    """Deposits a second of one client, in each process; beyond it, 429."""

    deposit_burst: int = Field(default=200, ge=1)
    """Deposits at once of a client that has been silent."""

    uploads: int = Field(default=128, ge=1)
    """Deposits whose bytes come in at once, in each process; beyond it, 503. Of one client a quarter; then 429."""

    upload_hours: int = Field(default=24, ge=1, le=720)
    """How long an upload may rest before it expires; as long again, one that is over is still known."""

    ingest_processes: PositiveInt = 2
    """Child processes that check and build."""

    large_processes: PositiveInt = 1
    """Child processes that check and build large deposits: started when the first one comes."""

    ingest_slots: PositiveInt = 16
    """Transfers in hand at once, large ones aside."""

    dry_run_days: int = Field(default=7, ge=1, le=3650)
    """How long the verdict of a dry run is kept."""

    # What one deposit may ask of whoever reads it: see domain/limits.py for each.

    max_files: int = Field(default=_USUAL.max_files, ge=1, le=WIDEST.max_files)
    """Entries of one package, folders included."""

    max_expanded_bytes: int = Field(default=_USUAL.max_expanded_bytes, ge=1, le=WIDEST.max_expanded_bytes)
    """Bytes of one package once expanded."""

    max_ratio: int = Field(default=_USUAL.max_ratio, ge=1, le=WIDEST.max_ratio)
    """Expanded bytes for one byte received."""

    ratio_floor: int = Field(default=_USUAL.ratio_floor, ge=0, le=WIDEST.ratio_floor)
    """Under this many expanded bytes no ratio is suspicious."""

    max_path_bytes: int = Field(default=_USUAL.max_path_bytes, ge=1, le=WIDEST.max_path_bytes)
    """Bytes of a path in a package, in UTF-8."""

    max_manifest_bytes: int = Field(default=_USUAL.max_manifest_bytes, ge=1, le=WIDEST.max_manifest_bytes)
    """Bytes of one manifest."""

    max_manifest_gap: int = Field(default=_USUAL.max_manifest_gap, ge=1, le=WIDEST.max_manifest_gap)
    """Bytes of a manifest in which no SEDA element begins or ends."""

    max_manifest_depth: int = Field(default=_USUAL.max_manifest_depth, ge=1, le=WIDEST.max_manifest_depth)
    """Units within units, elements within a description."""

    max_units: int = Field(default=_USUAL.max_units, ge=1, le=WIDEST.max_units)
    """Units of one manifest."""

    max_archive_depth: int = Field(default=_USUAL.max_archive_depth, ge=1, le=WIDEST.max_archive_depth)
    """Archives within archives, a file of the package being the first."""

    max_objects: int = Field(default=_USUAL.max_objects, ge=1, le=WIDEST.max_objects)
    """Data objects and their groups of one manifest."""

    max_links: int = Field(default=_USUAL.max_links, ge=1, le=WIDEST.max_links)
    """References of one manifest from a unit or an object to another."""

    max_rules: int = Field(default=_USUAL.max_rules, ge=1, le=WIDEST.max_rules)
    """Management rules of one manifest, categories and refused rules included."""

    max_open_elements: int = Field(default=_USUAL.max_open_elements, ge=1, le=WIDEST.max_open_elements)
    """Elements, attributes and texts of one description."""

    max_attributes: int = Field(default=_USUAL.max_attributes, ge=1, le=WIDEST.max_attributes)
    """Attributes of one element of a description."""

    max_signed_bytes: int = Field(default=_USUAL.max_signed_bytes, ge=1, le=WIDEST.max_signed_bytes)
    """Bytes of a PDF or CMS file whose signatures are validated."""

    max_signed_xml_bytes: int = Field(default=_USUAL.max_signed_xml_bytes, ge=1, le=WIDEST.max_signed_xml_bytes)
    """Bytes of an XML file whose signatures are validated."""
    max_profile_bytes: int = Field(default=_USUAL.max_profile_bytes, ge=1, le=WIDEST.max_profile_bytes)
    """Bytes of a manifest that is judged by a RELAX NG profile."""

    max_profile_xsd11_bytes: int = Field(
        default=_USUAL.max_profile_xsd11_bytes, ge=1, le=WIDEST.max_profile_xsd11_bytes
    )
    """Bytes of a manifest that is judged by a profile in XSD 1.1."""

    profile_seconds: int = Field(default=10 * 60, ge=1, le=24 * _HOUR)
    """How long a manifest may take to be judged by its archival profile."""

    step_seconds: int = Field(default=24 * _HOUR, ge=60, le=7 * 24 * _HOUR)
    """How long one check, or one build, may take; what a check waits for the antivirus is not counted."""


def limits(settings: IngestSettings) -> Limits:
    """Return what deposits are judged under; a limit that is no setting is what it usually is."""
    names = {field.name for field in fields(Limits)} & IngestSettings.model_fields.keys()
    return Limits(**{name: getattr(settings, name) for name in names})
