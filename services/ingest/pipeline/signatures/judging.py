"""Judge what a reader read: at the time that is proven or claimed, against the operator's anchors."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from asn1crypto import tsp

from services.ingest.domain.signatures import Fault, SignatureResult, SignerCertificate, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.signatures.algorithms import weak_one
from services.ingest.pipeline.signatures.chain import Judged, Moment, judge_certificate, named
from services.ingest.pipeline.signatures.cms import Content, digest_of, read_signer
from services.ingest.pipeline.signatures.reading import Broken, Reading, TimeStamp, unreadable
from services.ingest.trust import Asn1, Trust
from shared.clock import rfc3339

_CLOCKS_APART: Final = timedelta(minutes=5)
_SIGNING: Final = frozenset({"digital_signature", "non_repudiation"})


def judge_reading(path: str, reading: Reading, trust: Trust, now: datetime) -> SignatureResult:
    """Return what there is to say of one signature of the file at `path`."""
    moment, time_stamp_fault = _moment(reading, trust, now)
    source = "time-stamp" if moment.proven else "claimed" if moment.claimed else "validation"
    judged = Judged(reading.fault) if reading.fault is not None else _judge(reading, trust, moment, now)
    return replace(
        shown(path, reading, judged.fault),
        moment=rfc3339(moment.at),
        moment_is=source,
        time_stamp_fault=time_stamp_fault,
        chain=judged.chain,
    )


def shown(path: str, reading: Reading, fault: Fault | None) -> SignatureResult:
    """Return what a reader read of a signature, with what is wrong with it."""
    return SignatureResult(
        path=path,
        name=printable(reading.name),
        form=reading.form,
        covers=reading.covers,
        documents=reading.documents,
        whole=reading.whole,
        algorithms=reading.algorithms,
        certificate=_certificate_of(reading),
        claimed_at=None if reading.claimed is None else rfc3339(_zoned(reading.claimed)),
        fault=fault,
    )


def _judge(reading: Reading, trust: Trust, moment: Moment, now: datetime) -> Judged:
    """Judge a signature that is cryptographically what it says."""
    if moment.at > now + _CLOCKS_APART:
        return Judged(Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "future", {"moment": rfc3339(moment.at)}))
    wanted = _time_stamping if reading.proven else _signing
    if not wanted(reading.certificate):
        told = {"certificate": named(reading.certificate)}
        return Judged(Fault(SubIndication.CHAIN_CONSTRAINTS_FAILURE, "key_usage", told))
    if reading.proven:
        # A time-stamp proves the time of what it stamps, its own it only says: whoever has a revoked key says any.
        moment = replace(moment, proven=False, stamped=True)
    judged = judge_certificate(reading.certificate, reading.material, trust, moment)
    if judged.fault is not None and judged.fault.sub_indication is not SubIndication.TRY_LATER:
        return judged
    # Before a revocation that is unknown: a list would not help a weak signature.
    weak = weak_one(reading.algorithms)
    if weak is None:
        return judged
    return replace(judged, fault=Fault(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, "weak", {"what": weak}))


def _moment(reading: Reading, trust: Trust, now: datetime) -> tuple[Moment, Fault | None]:
    """Return when to judge: the earliest time-stamp that is good, else what is claimed, else now."""
    good: list[datetime] = []
    fault: Fault | None = None
    for stamp in reading.time_stamps:
        judged = _judge_time_stamp(stamp, reading, trust, now)
        if isinstance(judged, Fault):
            fault = fault or judged
        else:
            good.append(judged)
    if good:
        return Moment(min(good), proven=True, claimed=False), None
    if reading.claimed is None:
        return Moment(now, proven=False, claimed=False), fault
    return Moment(_zoned(reading.claimed), proven=reading.proven, claimed=not reading.proven), fault


def _zoned(time: datetime) -> datetime:
    """Return a time as UTC where no zone is written: it is judged as it is shown, wherever this runs."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _judge_time_stamp(stamp: TimeStamp, reading: Reading, trust: Trust, now: datetime) -> datetime | Fault:
    try:
        stamped = read_time_stamp(stamp.token, digest_of(stamp.stamped), "time-stamp", reading)
    except Broken as broken:
        return broken.fault
    # Of other readers' bytes anything may come.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return unreadable(type(error).__name__).fault
    fault = stamped.fault
    if fault is None and stamped.claimed is not None:
        fault = _judge(stamped, trust, Moment(stamped.claimed, proven=True, claimed=False), now).fault
        if fault is None:
            return stamped.claimed
    return fault or unreadable("time-stamp").fault


def read_time_stamp(token: Asn1, stamped: Content, name: str, beside: Reading | None = None) -> Reading:
    """Read an RFC 3161 token over what has the digest that `stamped` tells, `beside` a reading with its material.

    Raises `Broken` where it is none.
    """
    content = token["encap_content_info"]["content"]
    info = getattr(content, "parsed", None)
    if not isinstance(info, tsp.TSTInfo) or len(token["signer_infos"]) != 1:
        raise unreadable("no RFC 3161 time-stamp")
    material = None if beside is None else beside.material
    signer = token["signer_infos"][0]
    reading = read_signer(token, signer, (name, "RFC 3161"), digest_of(bytes(content)), material)
    imprint = info["message_imprint"]
    digest = stamped(imprint["hash_algorithm"]["algorithm"].native)
    other = Fault(SubIndication.HASH_FAILURE, "imprint")
    fault = reading.fault or (None if digest == imprint["hashed_message"].native else other)
    return Reading(
        name=name,
        form="RFC 3161",
        algorithms=reading.algorithms,
        certificate=reading.certificate,
        material=reading.material,
        claimed=info["gen_time"].native,
        proven=True,
        fault=fault,
    )


def _signing(certificate: Asn1) -> bool:
    usage = certificate.key_usage_value
    return usage is None or bool(_SIGNING & usage.native)


def _time_stamping(certificate: Asn1) -> bool:
    usage = certificate.extended_key_usage_value
    return usage is not None and usage.native == ["time_stamping"]


def _certificate_of(reading: Reading) -> SignerCertificate | None:
    certificate = reading.certificate
    if certificate is None:
        return None
    try:
        validity = certificate["tbs_certificate"]["validity"]
        return SignerCertificate(
            subject=printable(certificate.subject.human_friendly),
            issuer=printable(certificate.issuer.human_friendly),
            serial=f"{certificate.serial_number:x}",
            not_before=rfc3339(validity["not_before"].native),
            not_after=rfc3339(validity["not_after"].native),
            sha256=hashlib.sha256(certificate.dump()).hexdigest(),
        )
    # Of a certificate that cannot be read there is nothing to show; to judge it tells why.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
