"""Whether a certificate led to a trust anchor, and was not revoked, at a given moment (RFC 5280 §6, by pyHanko)."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.validate import async_validate_path
from typing_extensions import override

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.signatures.algorithms import digest_name, weak_one
from services.ingest.pipeline.signatures.reading import MOST_CERTIFICATES, Broken, Material
from services.ingest.pipeline.signatures.revocation import (
    Evidence,
    read_evidence,
    revocations_of,
    usable_answers,
    usable_lists,
)
from services.ingest.pipeline.signatures.verifier import Verifier
from services.ingest.trust import Asn1, Trust
from shared.clock import rfc3339

_MOST_STEPS: Final = 500
"""How often an issuer is looked for: a few in earnest, without end among certificates made to lead astray."""
_MOST_PATHS: Final = 8
"""How many paths are asked for what was revoked: an authority has a few certificates, where it has several."""
_PLACE: Final = re.compile(r"intermediate certificate (\d+)")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a certificate is judged, and whether that time is proven or only said; `stamped`: by a time-stamp."""

    at: datetime
    proven: bool
    claimed: bool = True
    stamped: bool = False


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


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong with a certificate, if anything, and the path it was judged by: its own name first."""

    fault: Fault | None
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """One certificate to judge, and by what."""

    certificate: Asn1
    material: Material
    evidence: Evidence
    trust: Trust
    moment: Moment


def judge_certificate(certificate: Asn1, material: Material, trust: Trust, moment: Moment) -> Judged:
    """Return what is wrong with a certificate at `moment`; no fault where it was good and known not to be revoked."""
    if not trust.anchors:
        return Judged(Fault(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no_anchors"))
    if len(material.certificates) > MOST_CERTIFICATES:
        limit = {"limit": str(MOST_CERTIFICATES), "what": "certificates"}
        return Judged(Fault(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "too_many", limit))
    case = _Case(certificate, material, read_evidence(material), trust, moment)
    try:
        # What is wrong whatever the lists say comes first, and tells whose lists are to be asked.
        paths = asyncio.run(_paths(case))
    except Broken as broken:
        return Judged(broken.fault)
    except (ValidationError, PathBuildingError) as error:
        path = error.current_path if isinstance(error, PathValidationError) else None
        return Judged(_fault(error, case), () if path is None else _shown(path))
    judged = [Judged(_judge_path(path, case), _shown(path)) for path in paths]
    return next((each for each in judged if each.fault is None), judged[0])


async def _paths(case: _Case) -> list[ValidationPath]:
    """Return the paths that are good but for what was revoked, at least one.

    Raises `Broken`, and what pyHanko raises for the last of those that are not.
    """
    context = _context(case, NO_REVOCATION, [], [])
    candidates = context.path_builder.async_build_paths_lazy(case.certificate)
    good: list[ValidationPath] = []
    try:
        while len(good) < _MOST_PATHS:
            good.append(await _next_path(candidates, context))
    except (Broken, ValidationError, PathBuildingError):
        if not good:
            raise
    finally:
        await candidates.cancel()  # type: ignore[no-untyped-call] # untyped
    return good


async def _next_path(candidates: AsyncIterator[ValidationPath], context: ValidationContext) -> ValidationPath:
    last: Exception | None = None
    async for each in candidates:
        try:
            await async_validate_path(context, each)
        except ValidationError as error:
            # A path of wrong signatures says less than any other.
            last = error if last is None or "signature" not in str(error) else last
        else:
            return each
    raise last or PathBuildingError("no path")


def _judge_path(path: ValidationPath, case: _Case) -> Fault | None:
    certificates = [each for each in path.iter_certs(include_root=False) if each not in case.trust.anchors]
    lists = usable_lists(certificates, case.material, case.evidence, case.trust)
    context = _context(case, REQUIRE_REVINFO, lists, usable_answers(certificates, case.evidence))
    since = None if case.moment.proven else _revoked_since(certificates, case)
    try:
        asyncio.run(async_validate_path(context, path))
    except ValidationError as error:
        unknown = isinstance(error, InsufficientRevinfoError)
        return (since if unknown else None) or _fault(error, case)
    weak = weak_one(tuple(digest_name(each.hash_algo or "") for each in certificates if _hashed(each)))
    if weak is not None:
        return Fault(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, "weak", {"what": weak})
    return since


def _context(
    case: _Case, checking: RevocationCheckingPolicy, lists: list[Asn1], answers: list[Asn1]
) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(case.trust.anchors),
        certificate_registry=_Registry.build(case.material.certificates),
        moment=case.moment.at,
        crls=lists,
        ocsps=answers,
        allow_fetching=False,
        # What a list of today says of a certificate holds for a moment before it was made, too.
        revinfo_policy=CertRevTrustPolicy(checking, retroactive_revinfo=True),
        algorithm_usage_policy=AcceptAllAlgorithms(),
        signature_validator=Verifier(),
    )


def _hashed(certificate: Asn1) -> bool:
    """Say whether a certificate's signature names a digest: Ed25519 has none to be named."""
    try:
        return certificate.hash_algo is not None
    except ValueError:
        return False


def _fault(error: Exception, case: _Case) -> Fault:
    moment = case.moment
    told = {"certificate": named(_failing(error, case.certificate)), "moment": rfc3339(moment.at)}
    if isinstance(error, RevokedError):
        told["date"] = rfc3339(error.revocation_dt)
        # EN 319 102-1 §5.2.6: of an authority, when it was revoked decides nothing of what it had issued.
        own = error.is_ee_cert and not error.is_side_validation
        return Fault(SubIndication.REVOKED if own else SubIndication.REVOKED_CA_NO_POE, "revoked", told)
    if isinstance(error, ExpiredError):
        told["date"] = rfc3339(error.expired_dt)
        return Fault(_beyond(SubIndication.EXPIRED, error, moment), "expired", told)
    if isinstance(error, NotYetValidError):
        told["date"] = rfc3339(error.valid_from)
        return Fault(_beyond(SubIndication.NOT_YET_VALID, error, moment), "not_yet_valid", told)
    if isinstance(error, InsufficientRevinfoError):
        return Fault(SubIndication.TRY_LATER, "revocation_unknown", told)
    if isinstance(error, PathBuildingError | InvalidCertificateError):
        return Fault(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "no_chain", told)
    return Fault(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "chain", told | {"what": printable(str(error))})


def _failing(error: Exception, certificate: Asn1) -> Asn1:
    """Return the certificate of a path that an error is about; pyHanko tells its place in words alone."""
    if not isinstance(error, PathValidationError):
        return certificate
    path = list(error.current_path.iter_certs(include_root=False))
    place = _PLACE.search(str(error))
    if place is None or error.is_ee_cert:
        return path[-1] if path else certificate
    return path[min(int(place[1]), len(path)) - 1]


def _beyond(said: SubIndication, error: ExpiredError | NotYetValidError, moment: Moment) -> SubIndication:
    """Return what it means to be out of a certificate's dates: a failure only where the signer says so himself."""
    return said if moment.claimed and error.is_ee_cert else SubIndication.OUT_OF_BOUNDS_NO_POE


def _revoked_since(path: Sequence[Asn1], case: _Case) -> Fault | None:
    """Find a revocation in a path, an authority's first: who alone says when it was, may have signed after it.

    Of a time-stamp one that is later, and harmless, is passed over: authorities are not thought to date back.
    """
    moment = case.moment
    for each in path:
        for revoked in revocations_of(each, case.evidence, case.trust):
            if moment.stamped and revoked.harmless and revoked.at > moment.at:
                continue
            told = {"certificate": named(each), "date": rfc3339(revoked.at), "moment": rfc3339(moment.at)}
            own = each is path[-1]
            kind = SubIndication.REVOKED_NO_POE if own else SubIndication.REVOKED_CA_NO_POE
            return Fault(kind, "revoked_since", told)
    return None


def _shown(path: ValidationPath) -> tuple[str, ...]:
    return tuple(named(each) for each in reversed(list(path.iter_certs(include_root=True))))


def named(certificate: Asn1) -> str:
    """Return whose a certificate is, for people."""
    return f"{printable(certificate.subject.human_friendly)}, n° {certificate.serial_number:x}"
