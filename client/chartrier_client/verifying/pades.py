"""The signatures of a PDF (ETSI EN 319 142): pyHanko says what they cover, our own checks who made them and when."""

import hashlib
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO, Final

from asn1crypto import core
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.paths import Moments, find_path, judge_end, judge_path, named, read_certificate
from chartrier_client.verifying.revocation import RevocationData, judge_revocation
from chartrier_client.verifying.stampers import judge_token
from chartrier_client.verifying.tokens import Asn1, Token, read_token
from chartrier_client.verifying.trust import Grounds

MOST_SIGNATURES: Final = 32
_TAIL: Final = 1 << 16


def judge(path: Path, grounds: Grounds, about: Subject) -> None:
    """Check every signature of a PDF. Raises `OSError`."""
    with path.open("rb") as file:
        try:
            embedded = _signatures(file)
            for each in embedded:
                here = about.report.about(f"{about.target} · {each.field_name}")
                _judge_one(each, grounds, here)
        except Malformed as fault:
            about.malformed("pdf.signature", fault)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 (bytes of others may make the library raise anything)
            about.failed("pdf.signature", "pdf_unreadable", type(error).__name__)


def _signatures(file: BinaryIO) -> list[Asn1]:
    # pyHanko would look for the end of a file that has none byte by byte.
    file.seek(max(0, file.seek(0, SEEK_END) - _TAIL))
    if b"%%EOF" not in file.read():
        raise Malformed("pdf_unreadable")
    embedded = list(PdfFileReader(file, strict=False).embedded_regular_signatures)
    if not embedded:
        raise Malformed("pdf_unsigned")
    if len(embedded) > MOST_SIGNATURES:
        raise Malformed("too_large", limit=MOST_SIGNATURES)
    return embedded


def _judge_one(embedded: Asn1, grounds: Grounds, about: Subject) -> None:
    nobody = ValidationContext(trust_roots=[], allow_fetching=False, moment=grounds.at)
    status = validate_pdf_signature(embedded, nobody, nobody)
    signer = read_certificate(status.signing_cert.dump())
    pool = [read_certificate(each.dump()) for each in embedded.other_embedded_certs or ()]
    if not (status.intact and status.valid):
        about.failed("pdf.signature", "signature_wrong", named(signer))
        return
    about.ok("pdf.signature", named(signer))
    _coverage(status, about)
    token = _token(embedded, about)
    claimed = status.signer_reported_dt
    if token is None and claimed is None:
        about.failed("pdf.time", "no_time")
        return
    signed = claimed if token is None else token.at
    if token is None:
        about.could_not("pdf.time", "not_stamped", str(signed))
    else:
        judge_token(token, Moments(token.at, grounds.at), grounds, about)
    _judge_signer(signer, pool, Moments(signed, signed), grounds, about)
    digest = str(status.md_algorithm).lower()
    judge_end(grounds.algorithms.digest_ends(digest), digest, Moments(signed, signed), grounds, about)


def _judge_signer(
    signer: x509.Certificate, pool: list[x509.Certificate], moments: Moments, grounds: Grounds, about: Subject
) -> None:
    path = find_path(signer, pool, grounds.roots)
    judge_path(path, moments, grounds, about)
    if grounds.crls:
        judge_revocation(path, moments, RevocationData(), grounds, about)
    else:
        about.report.about("").remark("signers_revocation_unknown")


def _coverage(status: Asn1, about: Subject) -> None:
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    level = status.modification_level
    if whole or (level is not None and level <= ModificationLevel.LTA_UPDATES):
        about.ok("pdf.coverage", status.coverage.name.lower())
    else:
        about.failed("pdf.coverage", "changed_since", status.coverage.name.lower())


def _token(embedded: Asn1, about: Subject) -> Token | None:
    """Return the time-stamp of a signature, whose imprint is that of the signature's value."""
    attributes = embedded.signer_info["unsigned_attrs"]
    for each in () if isinstance(attributes, core.Void) else attributes:
        if each["type"].native == "signature_time_stamp_token":
            token = read_token(each["values"][0].dump())
            found = hashlib.new(token.algorithm, embedded.signer_info["signature"].native).hexdigest()
            return token if about.same("token.imprint", token.imprint.hex(), found) else None
    return None
