"""What the validation of electronic signatures says: one record a signature, in the words of ETSI EN 319 102-1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Conclusion(StrEnum):
    """The main status of EN 319 102-1 §5.1.3: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


class SubIndication(StrEnum):
    """Why a signature has not passed (EN 319 102-1 §5.1.3, tables 5 and 6)."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    GENERIC = "GENERIC"


_FAILED = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The rule that a signature breaks: a key of `signature_rules.RULES`, whose text takes `details`."""

    sub_indication: SubIndication
    rule: str
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def conclusion(self) -> Conclusion:
        """Return what a signature that has this fault is."""
        return Conclusion.INVALID if self.sub_indication in _FAILED else Conclusion.INDETERMINATE


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    """A signer's certificate: names in words, `serial` and `sha256` (of its DER) in hex, times RFC 3339."""

    subject: str
    issuer: str
    serial: str
    not_before: str
    not_after: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SignatureResult:
    """One signature, and what was found of it.

    `path` is the file that holds it, relative to the folder of the manifest; `name` what it is called there.
    `covers` lists what it signs: `whole` files, or parts of them. `moment` is when the certificate was judged, and
    `moment_is` where that time comes from: ``claimed`` by the signer, ``time-stamp`` or ``validation`` (none was
    claimed). `fault` is None where it is valid; `time_stamp_fault` tells why a time-stamp proves nothing.
    `chain` names the certificates it was judged by, the signer's first, the anchor last.
    """

    path: str
    name: str
    form: str
    covers: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    whole: bool = False
    algorithms: tuple[str, ...] = ()
    certificate: SignerCertificate | None = None
    claimed_at: str | None = None
    moment: str | None = None
    moment_is: str | None = None
    fault: Fault | None = None
    time_stamp_fault: Fault | None = None
    chain: tuple[str, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """Return the main status."""
        return Conclusion.VALID if self.fault is None else self.fault.conclusion


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """All that was found of a package's signatures, at `validated_at` (RFC 3339).

    `anchors` and `revocation_lists` are the SHA-256 (of the DER, in hex, sorted) of what it was judged against.
    `of_files` and `of_message` are what the agreement asked for. `rules` are the texts of the rules that were broken,
    French and English, as they were then: a later release may say it better, and must build the same bytes.
    """

    validated_at: str
    of_files: str
    of_message: str
    anchors: tuple[str, ...]
    revocation_lists: tuple[str, ...]
    results: tuple[SignatureResult, ...]
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Say whether every signature is valid, of none at all too."""
        return all(each.conclusion is Conclusion.VALID for each in self.results)
