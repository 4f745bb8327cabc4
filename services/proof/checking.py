"""The checks of a statement: what lies on the sites, against what was noted, sealed, stamped and receipted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jwt.utils import base64url_decode

from services.proof.domain import statements
from services.proof.domain.hash_tree import HashTree, group_value, split
from services.proof.domain.sealing import DIGEST
from services.proof.domain.statements import Check, Outcome, compared, unknown
from services.proof.examination import Examination
from services.proof.signing.algorithms import Asn1
from services.proof.stamping.errors import WrongToken
from services.proof.stamping.verifying import Untrusted, verify_token
from services.proof.statement_queries import Neighbours, Subject
from shared.checksums import sha512_of
from shared.clock import rfc3339
from shared.messages.journal import TRANSFER_ACCEPTED

_LOST = frozenset({"mismatch", "cut", "missing"})


def check_copies(subject: Subject, found: Examination) -> Iterator[Check]:
    """Compare what each site gave back with what was announced when it was stored."""
    target = f"aip:{subject.aip}.v{subject.version}"
    yield compared(statements.COPY_MAP, ("storage", target), _sized(found.sha512, found.size), _of(subject))
    for site in found.sites:
        yield _copy(site, found.copies.get(site), target, subject)
    if not found.sites:
        yield unknown(statements.COPY, ("storage", target), "no_copy")
    if found.package is None:
        yield unknown(statements.PACKAGE, ("storage", target), "no_whole_copy")
        return
    faults, source = found.package["faults"], f"site:{found.package['site']}"
    outcome = Outcome.KO if faults else Outcome.OK
    members, reason = str(found.package["members"]), "; ".join(faults) or None
    yield Check(statements.PACKAGE, source, target, outcome, f"{members} files", None, reason)


def _copy(site: str, read: Mapping[str, Any] | None, target: str, subject: Subject) -> Check:
    places = (f"site:{site}", target)
    if read is None or (read["verdict"] not in _LOST and read["found_sha512"] is None):
        return unknown(statements.COPY, places, "unreachable")
    if read["found_sha512"] is None:
        return Check(statements.COPY, *places, Outcome.KO, None, _of(subject), "missing")
    return compared(statements.COPY, places, _sized(read["found_sha512"], read["found_size"]), _of(subject))


def _sized(sha512: str, size: int) -> str:
    return f"{sha512} {size}"


def _of(subject: Subject) -> str:
    return _sized(subject.sha512, subject.size)


def check_group(subject: Subject, read: Sequence[bytes] | None) -> Iterator[Check]:
    """Compare the group that METS names now (None: it could not be read) with the leaf that was noted."""
    places = ("METS.xml", f"group:{subject.aip}.v{subject.version}")
    if subject.leaf is None or subject.digests is None:
        yield unknown(statements.GROUP, places, "not_gathered_yet")
        return
    now = None if read is None else group_value(read).hex()
    yield compared(statements.GROUP, places, now, subject.leaf.hex())
    kept = group_value(split(subject.digests)).hex()
    yield compared(statements.GROUP, ("members", places[1]), kept, subject.leaf.hex())


async def check_seal(subject: Subject, found: Neighbours | None, anchors: Sequence[Asn1]) -> list[Check]:
    """See that the leaf is in its seal, under the root that a token stamps, in a chain of seals."""
    if found is None or subject.position is None or subject.leaf is None:
        return [unknown(statements.LEAF, ("seals", f"group:{subject.aip}.v{subject.version}"), "not_sealed_yet")]
    name, at = f"seal:{found.number}", subject.position * DIGEST
    leaf = found.leaves[at : at + DIGEST].hex()
    root = HashTree(found.leaves, found.algorithm).root.hex()
    return [
        compared(statements.LEAF, (name, f"group:{subject.aip}.v{subject.version}"), leaf, subject.leaf.hex()),
        compared(statements.LEAF, (name, "root"), root, found.root.hex()),
        compared(statements.LEAF, (name, "seal.json"), found.leaves[:DIGEST].hex(), found.sha512),
        await _token(found, anchors),
        *_chain(found),
    ]


async def _token(found: Neighbours, anchors: Sequence[Asn1]) -> Check:
    places = (f"seal:{found.number}", "root")
    if found.token is None:
        return unknown(statements.TOKEN, places, "not_stamped_yet")
    try:
        verified = await verify_token(found.token, found.root, found.algorithm, anchors)
    except WrongToken as error:
        return Check(statements.TOKEN, *places, Outcome.KO, reason=str(error))
    except Untrusted as error:
        return unknown(statements.TOKEN, places, str(error))
    value = f"{rfc3339(verified.at)} {found.authority or 'authority not noted'} {verified.serial}"
    return Check(statements.TOKEN, *places, Outcome.OK, value)


def _chain(found: Neighbours) -> Iterator[Check]:
    if found.number > 1:
        places = (f"seal:{found.number}", f"seal:{found.number - 1}")
        yield compared(statements.CHAIN, places, found.named_before, found.before_sha512)
    if found.named_after is not None:
        places = (f"seal:{found.number + 1}", f"seal:{found.number}")
        yield compared(statements.CHAIN, places, found.named_after, found.sha512)


def payload_of(receipt: str) -> Mapping[str, Any]:
    """Return what a receipt says."""
    payload: Mapping[str, Any] = json.loads(base64url_decode(receipt.split(".")[1]))
    return payload


def check_receipt(
    subject: Subject, first: Subject | None, receipt: str | None, bodies: Mapping[tuple[str, int], bytes]
) -> Iterator[Check]:
    """See that the receipt is of this package, that its lines are unchanged, and that one of them accepts it.

    `first` is the version that it was given for, `bodies` are the lines as the journals have them now.
    """
    transfer = f"transfer:{subject.transfer}"
    if receipt is None or first is None:
        yield unknown(statements.RECEIVED, ("receipts", transfer), "no_receipt")
        return
    told = payload_of(receipt)
    noted = None if first.leaf is None else first.leaf.hex()
    yield compared(statements.RECEIVED, ("receipt", f"aip:{subject.aip}"), told["group"], noted)
    yield compared(statements.RECEIVED, ("receipt", f"aip:{subject.aip}"), told["aip_sha512"], first.sha512)
    accepted = []
    for line in told["lines"]:
        body = bodies.get((line["journal"], line["number"]))
        places = (line["journal"], f"line:{line['number']}")
        if body is None:
            yield Check(statements.LINE, *places, Outcome.KO, None, line["sha512"], "missing")
            continue
        yield compared(statements.LINE, places, sha512_of(body), line["sha512"])
        fields = json.loads(body)
        accepted += [fields] if fields["action"] == TRANSFER_ACCEPTED and fields["outcome"] == "ok" else []
    yield _acceptance(subject, first, accepted)


def _acceptance(subject: Subject, first: Subject, accepted: Sequence[Mapping[str, Any]]) -> Check:
    places = ("journals", f"transfer:{subject.transfer}")
    if not accepted:
        return Check(statements.ACCEPTANCE, *places, Outcome.KO, reason="no_line_of_acceptance")
    details = accepted[0]["details"]
    said, expected = f"{details.get('aip')} {details.get('aip_sha512')}", f"{first.aip} {first.sha512}"
    return compared(statements.ACCEPTANCE, places, said, expected)
