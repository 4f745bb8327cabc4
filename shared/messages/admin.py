"""What admin tells: the full new state of an organisation or an agreement, versioned."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict

from shared.messages.message import ByteCount, Message, Part, Sha512

KEPT_WHOLE = ConfigDict(frozen=True, extra="allow")
"""For facts that others keep: what a newer admin added is kept too, for the release that will know it."""


class OrganisationChangedV1(Message):
    """An organisation was created or changed; this is all of it."""

    model_config = KEPT_WHOLE

    topic: ClassVar[str] = "organisation.changed.v1"

    organisation: UUID
    version: int
    kind: Literal[
        "establishment", "archival_agency", "archiving_operator", "submission_operator", "control_authority"
    ]
    identifier: str
    name: str
    siret: str | None = None
    department: str | None = None


SchemaTolerance = Literal[
    "agencies_in_2_0",
    "far_dates",
    "free_content",
    "free_management",
    "free_technical_metadata",
    "hold_rule_before_2_2",
    "later_content",
    "management_metadata_order",
    "metadata_blocks",
    "physical_description",
    "signature_in_2_3",
    "signing_information_extended",
    "unit_metadata",
    "update_operation",
]
"""What an agreement may forgive of SEDA's grammar; ingest says what each is."""


ProfileKind = Literal["xsd-1.0", "xsd-1.1", "relaxng"]


class ProfileReferenceV1(Part):
    """One version of an archival profile: `id` is the version's, `profile` that of all its versions.

    `identifier` is what a manifest names (SEDA 2.x, ArchivalProfile). `sha512` and `size` (bytes) are those of its
    content, which admin gives: a document, or a ZIP that begins in `entry`. `seda_versions`: those it is for.
    """

    model_config = KEPT_WHOLE

    id: UUID
    profile: UUID
    identifier: str
    version: int
    kind: ProfileKind
    sha512: Sha512
    size: ByteCount
    seda_versions: tuple[str, ...]
    entry: str | None = None


class AgreementV1(Part):
    """One version of an agreement; dates inclusive, `formats` PRONOM identifiers (empty: all).

    `schema_tolerances` are texts, so that a room may be told of one that it does not know yet. `unidentified` tells
    whether files that PRONOM does not recognise are taken; None: only where `formats` is empty.

    The lists of agencies are identifiers that a manifest may name in each role (SEDA 2.x, Identifier of the agency);
    an empty one says nothing of its role. Of originating agencies the establishment itself is always one.
    `quota_bytes` bounds the files of all that is taken under the agreement, in bytes; None: nothing does.
    Under a `sandbox` everything is a dry run: judged, answered and not kept.

    `signatures` tells what becomes of the electronic signatures of its files, `message_signature` of that of the
    manifest itself: not looked at, told in the AIP alone, or a warning, or a refusal, where they are not valid. The
    two that follow make a missing one count for the same.
    `decision_days`: within how many days an archivist should decide, where one does; None: whenever.

    `profiles` are the archival profiles that its deposits may name, each in one version; an empty tuple says nothing
    of them. `profile_required` asks a manifest to name one.
    """

    model_config = KEPT_WHOLE

    id: UUID
    version: int
    identifier: str
    name: str
    establishment: UUID
    establishment_identifier: str
    state: Literal["active", "suspended"]
    match_header: Literal["strict", "record"]
    unknown_rules: Literal["reject", "warn"]
    usages: Literal["strict", "lenient"]
    decision: Literal["automatic", "archivist"]
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_units: int | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    schema_tolerances: tuple[str, ...] = ()
    unidentified: bool | None = None
    antivirus: Literal["yes", "no", "required"] = "yes"
    reply_codes: Literal["vitam", "numeric"] = "vitam"
    archival_agencies: tuple[str, ...] = ()
    transferring_agencies: tuple[str, ...] = ()
    originating_agencies: tuple[str, ...] = ()
    submission_agencies: tuple[str, ...] = ()
    quota_bytes: int | None = None
    sandbox: bool = False
    signatures: Literal["ignore", "record", "warn", "reject"] = "ignore"
    message_signature: Literal["ignore", "record", "warn", "reject"] = "ignore"
    signatures_required: bool = False
    message_signature_required: bool = False
    decision_days: int | None = None
    profiles: tuple[ProfileReferenceV1, ...] = ()
    profile_required: bool = False


class AgreementPublishedV1(Message):
    """A version of an agreement is in force from now on."""

    topic: ClassVar[str] = "agreement.published.v1"

    agreement: AgreementV1


class ProfilePublishedV1(Message):
    """A version of an archival profile was approved (`revision` 1), or withdrawn (2); all of it but its bytes.

    Without an establishment it is the platform's. `declared` is what was written of its declaration to the control
    authority (*contrôle scientifique et technique*), with its date; `reason` is that of a withdrawal.
    """

    model_config = KEPT_WHOLE

    topic: ClassVar[str] = "profile.published.v1"

    reference: ProfileReferenceV1
    establishment: UUID | None
    name: str
    state: Literal["approved", "withdrawn"]
    revision: int
    approved_by: str
    declared: str | None = None
    declared_on: date | None = None
    withdrawn_by: str | None = None
    reason: str | None = None


class PurgeOrderedV1(Message):
    """Archives are to be destroyed, on every site and in every room: an AIP, or some of its units.

    `scope` says which, so that a list of units that came out empty never destroys the whole: with `aip` there are no
    `units`, with `units` some. `list_sha512` is the digest of the list that was signed, `visa_sha512` that of the
    visa that bears on it (code du patrimoine, R212-14: no elimination without one). An order is known by its id: the
    same one again changes nothing, another content under the same id is refused.
    """

    topic: ClassVar[str] = "purge.ordered.v1"

    order_id: UUID
    establishment: UUID
    aip_id: UUID
    scope: Literal["aip", "units"]
    units: tuple[UUID, ...] = ()
    list_sha512: Sha512
    visa_sha512: Sha512
    ordered_at: AwareDatetime
    ordered_by: str


class RuleV1(Part):
    """One version of a rule code, as admin checked it: ``AppraisalRule``, ``P10Y`` or ``unlimited``, ``Destroy``."""

    model_config = KEPT_WHOLE

    code: str
    version: int
    category: str
    duration: str
    final_action: str | None = None


class RulesPublishedV1(Message):
    """Rule codes were added or changed, all by one decision; those that it does not name stay as they were."""

    model_config = KEPT_WHOLE

    topic: ClassVar[str] = "rules.published.v1"

    publication: UUID
    published_by: str
    rules: tuple[RuleV1, ...]


class SigningKeyPublishedV1(Message):
    """A key signs from `signs_from` on; `jwk` is its public half (RFC 7517), all that verifying ever needs."""

    model_config = KEPT_WHOLE

    topic: ClassVar[str] = "signing_key.published.v1"

    kid: str
    jwk: dict[str, str]
    signs_from: AwareDatetime
    published_by: str
