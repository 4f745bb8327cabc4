"""Whether a token's certificate led to its authority's root, and was not revoked, when it was used (RFC 5280, 6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import (
    InsufficientRevinfoError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.validate import async_validate_path

from services.proof.signing.algorithms import Asn1
from services.proof.stamping.errors import WrongToken
from services.proof.stamping.revocation import Published

TOLERANCE: Final = timedelta(seconds=5)
"""By how much the clocks of an authority and of whoever publishes its lists may differ."""


async def chain_to(
    anchors: Sequence[Asn1], certificate: Asn1, others: Sequence[Asn1], at: datetime
) -> tuple[Asn1, ...]:
    """Return a certificate and those of `others` above it, an anchor last; revocation is not looked at.

    Raises `WrongToken` where they do not lead to an anchor, or were not good `at` that time.
    """
    path = await _path(certificate, _context(anchors, Published(tuple(others)), at, NO_REVOCATION))
    return tuple(path.iter_certs(include_root=True))[::-1]


async def check_trust(certificate: Asn1, anchors: Sequence[Asn1], published: Published, at: datetime) -> bool:
    """Return whether it is known that no certificate of the path was revoked at `at`.

    Raises `WrongToken` where the path does not lead to an anchor, was not good at that time, or was revoked.
    """
    path = await _path(certificate, _context(anchors, published, at, NO_REVOCATION))
    try:
        await async_validate_path(_context(anchors, published, at, REQUIRE_REVINFO), path)
    except InsufficientRevinfoError:
        _require_unnamed(path, published)
        return False
    except RevokedError as error:
        raise WrongToken("a certificate of it was revoked") from error
    except ValidationError as error:
        raise WrongToken(f"its certificates: {type(error).__name__}") from error
    return True


async def _path(certificate: Asn1, context: ValidationContext) -> ValidationPath:
    candidates = context.path_builder.async_build_paths_lazy(certificate)
    try:
        async for path in candidates:
            await async_validate_path(context, path)
            return path
    except (PathBuildingError, PathValidationError, ValidationError) as error:
        raise WrongToken(f"its certificates do not lead to its root: {type(error).__name__}") from error
    finally:
        await candidates.cancel()  # type: ignore[no-untyped-call] # untyped
    raise WrongToken("its certificates do not lead to its root")


def _require_unnamed(path: ValidationPath, published: Published) -> None:
    """See that no list at hand names a certificate, even where others lack one: half of an answer may be a no."""
    certificates = list(path.iter_certs(include_root=False))
    for listed in published.crls:
        revoked = {entry["user_certificate"].native for entry in listed["tbs_cert_list"]["revoked_certificates"]}
        if any(one.issuer == listed.issuer and one.serial_number in revoked for one in certificates):
            raise WrongToken("a certificate of it was revoked")
    for answer in published.answers:
        if any(single["cert_status"].name == "revoked" for single in answer.response_data["responses"]):
            raise WrongToken("a certificate of it was revoked")


def _context(
    anchors: Sequence[Asn1], published: Published, at: datetime, checking: RevocationCheckingPolicy
) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(anchors),
        certificate_registry=CertificateRegistry.build(published.chain),
        moment=at,
        crls=published.crls,
        ocsps=published.answers,
        allow_fetching=False,
        # An answer is asked for once the token is here: it tells of a moment just before it was made.
        revinfo_policy=CertRevTrustPolicy(checking, retroactive_revinfo=True),
        time_tolerance=TOLERANCE,
    )
