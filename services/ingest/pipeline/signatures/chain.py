"""Whether a certificate led to a trust anchor, and was not revoked, at a given moment (RFC 5280 §6, by pyHanko)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext, find_valid_path
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import CertificateRegistry
from typing_extensions import override

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.signatures.algorithms import digest_name, weak_one
from services.ingest.pipeline.signatures.reading import MOST_CERTIFICATES, Broken, Material
from services.ingest.pipeline.signatures.revocation import revoked_on, usable_answers, usable_lists
from services.ingest.trust import Asn1, Trust
from shared.clock import rfc3339

_MOST_STEPS: Final = 500
"""How often an issuer is looked for: a few in earnest, without end among certificates made to lead astray."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a certificate is judged, and whether that time is proven or only said."""

    at: datetime
    proven: bool
    claimed: bool = True


class _Registry(CertificateRegistry):
    """Certificates that are asked for the issuers of one another only so often."""

    steps = 0

    @override
    def find_potential_issuers(self, cert: Asn1, trust_manager: Asn1) -> Asn1:
        """Return those that may have issued `cert`. Raises `Broken` when they have been asked for too often."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise Broken(SubIndication.GENERIC, "too_many", limit=str(_MOST_STEPS), what="issuers")
        return super().find_potential_issuers(cert, trust_manager)


def judge_certificate(certificate: Asn1, material: Material, trust: Trust, moment: Moment) -> Fault | None:
    """Return what is wrong with a certificate at `moment`; None where it was good and known not to be revoked."""
    if not trust.anchors:
        return Fault(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no_anchors")
    if len(material.certificates) > MOST_CERTIFICATES:
        limit = {"limit": str(MOST_CERTIFICATES), "what": "certificates"}
        return Fault(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "too_many", limit)
    try:
        path = _path(certificate, material, trust, moment, REQUIRE_REVINFO)
    except Broken as broken:
        return broken.fault
    except (ValidationError, PathBuildingError) as error:
        # What is wrong whatever the lists say comes first: they are asked of one certificate after the other.
        fault = _without_lists(certificate, material, trust, moment)
        if fault is None and isinstance(error, InsufficientRevinfoError) and not moment.proven:
            fault = _revoked_since(certificate, material, trust, moment)
        return fault or _fault(error, certificate, moment)
    weak = weak_one(tuple(digest_name(each.hash_algo or "") for each in path if _hashed(each)))
    if weak is not None:
        return Fault(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, "weak", {"what": weak})
    return None if moment.proven else _revoked_since(certificate, material, trust, moment)


def _without_lists(certificate: Asn1, material: Material, trust: Trust, moment: Moment) -> Fault | None:
    try:
        _path(certificate, material, trust, moment, NO_REVOCATION)
    except (ValidationError, PathBuildingError) as error:
        return _fault(error, certificate, moment)
    return None


def _path(
    certificate: Asn1, material: Material, trust: Trust, moment: Moment, checking: RevocationCheckingPolicy
) -> list[Asn1]:
    """Return the certificates of a path that validates, the anchor left out."""
    context = ValidationContext(
        trust_roots=list(trust.anchors),
        certificate_registry=_Registry.build(material.certificates),
        moment=moment.at,
        crls=usable_lists(certificate, material, trust),
        ocsps=usable_answers(certificate, material),
        allow_fetching=False,
        # What a list of today says of a certificate holds for a moment before it was made, too.
        revinfo_policy=CertRevTrustPolicy(checking, retroactive_revinfo=True),
        algorithm_usage_policy=AcceptAllAlgorithms(),
    )
    paths = context.path_builder.async_build_paths_lazy(certificate)
    path = asyncio.run(find_valid_path(certificate, paths, context))
    return [each for each in path if isinstance(each, x509.Certificate) and each not in trust.anchors]


def _hashed(certificate: Asn1) -> bool:
    """Say whether a certificate's signature names a digest: Ed25519 has none to be named."""
    try:
        return certificate.hash_algo is not None
    except ValueError:
        return False


def _fault(error: Exception, certificate: Asn1, moment: Moment) -> Fault:
    told = {"certificate": named(certificate), "moment": rfc3339(moment.at)}
    if isinstance(error, RevokedError):
        told["date"] = rfc3339(error.revocation_dt)
        return Fault(SubIndication.REVOKED, "revoked", _of_path(error, told))
    if isinstance(error, ExpiredError):
        told["date"] = rfc3339(error.expired_dt)
        return Fault(_beyond(SubIndication.EXPIRED, error, moment), "expired", _of_path(error, told))
    if isinstance(error, NotYetValidError):
        told["date"] = rfc3339(error.valid_from)
        return Fault(_beyond(SubIndication.NOT_YET_VALID, error, moment), "not_yet_valid", _of_path(error, told))
    if isinstance(error, InsufficientRevinfoError):
        return Fault(SubIndication.TRY_LATER, "revocation_unknown", told)
    if isinstance(error, PathBuildingError | InvalidCertificateError):
        return Fault(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no_chain", told)
    return Fault(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "chain", told | {"what": printable(str(error))})


def _beyond(said: SubIndication, error: ExpiredError | NotYetValidError, moment: Moment) -> SubIndication:
    """Return what it means to be out of a certificate's dates: a failure only where the signer says so himself."""
    return said if moment.claimed and error.is_ee_cert else SubIndication.OUT_OF_BOUNDS_NO_POE


def _of_path(error: RevokedError | ExpiredError | NotYetValidError, told: dict[str, str]) -> dict[str, str]:
    """Name the certificate that is meant, where it is one of the chain and not the signer's."""
    return told if error.is_ee_cert else told | {"certificate": f"{told['certificate']} (chain)"}


def _revoked_since(certificate: Asn1, material: Material, trust: Trust, moment: Moment) -> Fault | None:
    """Find a revocation after the moment: the signer, who alone says when it was, may have signed after it."""
    revoked = revoked_on(certificate, material, trust)
    if revoked is None:
        return None
    told = {"certificate": named(certificate), "date": rfc3339(revoked), "moment": rfc3339(moment.at)}
    return Fault(SubIndication.REVOKED_NO_POE, "revoked_since", told)


def named(certificate: Asn1) -> str:
    """Return whose a certificate is, for people."""
    return f"{printable(certificate.subject.human_friendly)}, n° {certificate.serial_number:x}"
