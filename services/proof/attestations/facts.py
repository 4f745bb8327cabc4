"""What each attestation says: facts as its template sets them, in French where they are words.

No name of a person or of a document is among them, but identifiers, digests and moments: nothing of an attestation
has to be forgotten when archives are eliminated.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asn1crypto import x509

from services.proof.attestation_queries import Attestation, Line, Purged, Version
from services.proof.attestations.french import bytes_in_digits, moment_in_words
from services.proof.checking import payload_of
from services.proof.domain.attestations import LABELS, Refusal, Refused
from services.proof.domain.receipts import counted
from services.proof.domain.statements import Check, Outcome, of_copies, overall
from services.proof.stating import Found
from shared.checksums import sha512_of
from shared.clock import rfc3339

Facts = dict[str, Any]


def common(asked: Attestation, at: datetime, certificate: bytes, *, probative: bool) -> Facts:
    """Return what every attestation says: of itself, of what it is about, and whose certificate signs it."""
    return {
        "id": str(asked.id),
        "probative": probative,
        "issued_at": rfc3339(at),
        "issued_in_words": moment_in_words(at),
        "signer": x509.Certificate.load(certificate).subject.human_friendly,
        "establishment": str(asked.establishment),
        "aip": str(asked.aip),
        "version": asked.version,
    }


def _require(checks: Sequence[Check], unknown: Refusal) -> None:
    """Raise `Refused` unless all of these checks are ok."""
    verdict = overall(checks)
    if verdict is Outcome.OK:
        return
    why = Refusal.NOT_WHOLE if verdict is Outcome.KO else unknown
    raise Refused(why, [one.told() for one in checks if one.outcome is verdict])


def _package(found: Found, receipt: Mapping[str, Any]) -> Facts:
    subject = found.subject
    return {
        "transfer": str(subject.transfer),
        "accepted_at": receipt["accepted_at"],
        "accepted_in_words": _words(receipt["accepted_at"]),
        "members": counted(subject.digests or b""),
        "size": bytes_in_digits(subject.size),
        "aip_sha512": subject.sha512,
        "group": None if subject.leaf is None else subject.leaf.hex(),
    }


def of_deposit(found: Found) -> Facts:
    """Return what is attested of a deposit. Raises `Refused` unless every copy was found whole just now."""
    _require(of_copies(found.checks), Refusal.UNREADABLE)
    # Nothing is attested over what contradicts it.
    _require([one for one in found.checks if one.outcome is not Outcome.UNKNOWN], Refusal.UNREADABLE)
    if found.receipt is None:
        raise AssertionError("an attestation of deposit follows a receipt")
    receipt = payload_of(found.receipt)
    return {
        **_package(found, receipt),
        "receipt_sha512": sha512_of(found.receipt.encode()),
        "copies": receipt["copies"],
        "lines": receipt["lines"],
    }


def of_integrity(found: Found, at: datetime, statement: str) -> Facts:
    """Return what is attested of a package of which every check is ok. Raises `Refused` for any other."""
    _require(of_copies(found.checks), Refusal.UNREADABLE)
    _require(found.checks, Refusal.NOT_SEALED)
    seal, receipt = found.seal, found.receipt
    if seal is None or seal.token_at is None or receipt is None:
        raise AssertionError("a check said that there is a stamped seal, and a receipt")
    return {
        **_package(found, payload_of(receipt)),
        "statement": statement,
        "checked_in_words": moment_in_words(at),
        "seal": {
            "number": seal.number,
            "stamped_at": rfc3339(seal.token_at),
            "stamped_in_words": moment_in_words(seal.token_at),
            "authority": seal.authority or "non notée",
            "serial": seal.serial or "",
            "root": seal.root.hex(),
        },
        "checks": [{"label": LABELS[one.check], "source": one.source, "verdict": "conforme"} for one in found.checks],
    }


def of_elimination(purged: Purged, versions: Sequence[Version]) -> Facts:
    """Return what is attested of an order that was carried out, and what it was about as it was sealed."""
    told = purged.facts
    return {
        **told,
        "purged_in_words": moment_in_words(purged.purged_at),
        "size": bytes_in_digits(told["size"]),
        "groups": [
            {"version": one.version, "seal": one.seal, "group": one.leaf.hex()}
            for one in reversed(versions)
            if one.leaf is not None
        ],
    }


def of_communication(line: Line, version: Version) -> Facts:
    """Return what is attested of a file, or of a package, whose communication a line tells of."""
    return {
        "whole": line.fields["object"] == f"aip:{version.aip}",
        "communicated_at": line.fields["recorded_at"],
        "communicated_in_words": _words(line.fields["recorded_at"]),
        "sha512": line.fields["details"]["sha512"],
        "group": None if version.leaf is None else version.leaf.hex(),
        "seal": version.seal,
        "line": {"journal": line.journal, "number": line.number, "sha512": line.sha512},
    }


def version_communicated(line: Line, versions: Sequence[Version]) -> Version | None:
    """Return the version that has what a line tells to have been communicated; None where none has it."""
    fields, details = line.fields, line.fields["details"]
    if fields["outcome"] != "ok" or "sha512" not in details:
        return None
    if fields["action"] == "aip.read":
        named = (fields["object"], details.get("version"))
        return next((one for one in versions if named == (f"aip:{one.aip}", one.version)), None)
    if fields["action"] != "content.communicated":
        return None
    wanted = bytes.fromhex(details["sha512"])
    return next((one for one in versions if one.digests is not None and _has(one.digests, wanted)), None)


def _has(digests: bytes, wanted: bytes) -> bool:
    size = len(wanted)
    at = digests.find(wanted)
    while at != -1 and at % size:
        at = digests.find(wanted, at + 1)
    return at != -1


def _words(moment: str) -> str:
    return moment_in_words(datetime.fromisoformat(moment))
