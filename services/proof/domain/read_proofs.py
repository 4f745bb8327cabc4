"""Anchors and seals read back from a site: as they were fixed, or what is wrong with them by themselves.

Nothing is believed for its place: digests are computed, the tree is built again, and its root must be what the
token stamps. Whether a token or a signature is to be trusted is not asked here: a verifier with its roots does.
"""

import base64
import binascii
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asn1crypto import cms, tsp

from services.proof.domain.hash_tree import HashTree, group_value
from services.proof.domain.line import Head
from services.proof.domain.proofs import Named, Run, rows_of
from services.proof.domain.sealing import DIGEST, Covered, Package
from shared.checksums import sha512_of

MEMBERS = ("seal.json", "heads.ndjson", "deposits.ndjson", "members.bin", "token.tst", "signature.jws")


class NotTheProof(Exception):
    """The bytes are no proof of this number, or their parts contradict each other."""


@dataclass(frozen=True, slots=True)
class ReadAnchor:
    """An anchor; `sha512` is that of its file."""

    number: int
    at: datetime
    sha512: str
    previous: str | None
    heads: dict[str, Head]
    senders: dict[str, Head]

    @property
    def before(self) -> str | None:
        """Return what it says of the one before it."""
        return self.previous

    @property
    def identity(self) -> str:
        """Return what the one after it says of it."""
        return self.sha512


@dataclass(frozen=True, slots=True)
class ReadSeal:
    """A seal; `covered` has its journals by name, as ids are those of a database."""

    number: int
    at: datetime
    probative: bool
    algorithm: str
    body: bytes
    heads: bytes
    leaves: bytes
    root: bytes
    token: bytes
    token_at: datetime
    serial: str
    signature: str
    previous: Named | None
    covered: Sequence[tuple[str, Covered]]
    packages: Sequence[tuple[Package, int]]

    @property
    def before(self) -> str | None:
        """Return what it says of the one before it."""
        return None if self.previous is None else self.previous.sha512

    @property
    def identity(self) -> str:
        """Return what the one after it says of it."""
        return sha512_of(self.body)


def read_anchor(content: bytes, number: int) -> ReadAnchor:
    """Return the anchor that a file is. Raises `NotTheProof`."""
    try:
        payload = _payload(content.decode())
        _require(payload["format"] == "chartrier-anchor/1" and payload["number"] == number, "another anchor")
        return ReadAnchor(
            number=number,
            at=datetime.fromisoformat(payload["at"]),
            sha512=sha512_of(content),
            previous=payload["previous"],
            heads={one["journal"]: Head(one["number"], one["sha512"]) for one in payload["heads"]},
            senders={one["sender"]: Head(one["batch"], one["sha512"]) for one in payload["senders"]},
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotTheProof(f"it is no anchor: {type(error).__name__}") from error


def _payload(jws: str) -> Any:  # noqa: ANN401 (JSON is what it is)
    _, payload, _ = jws.split(".")
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _require(condition: object, what: str) -> None:
    if not condition:
        raise NotTheProof(what)


def read_seal(content: bytes, number: int) -> ReadSeal:
    """Return the seal that a container is. Raises `NotTheProof`."""
    try:
        parts = _parts(content)
        return _seal(parts, json.loads(parts["seal.json"]), number)
    except (ValueError, KeyError, TypeError, AttributeError, tarfile.TarError) as error:
        raise NotTheProof(f"it is no seal: {type(error).__name__}") from error


def _parts(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        found = {member.name: _content(tar, member) for member in tar}
    _require(tuple(found) == MEMBERS, "its members are not those of a seal")
    return found


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    return b"" if opened is None else opened.read()


def _seal(parts: dict[str, bytes], told: dict[str, Any], number: int) -> ReadSeal:
    _require(told["format"] == "chartrier-seal/1" and told["number"] == number, "another seal")
    for name, member in (("heads", "heads.ndjson"), ("deposits", "deposits.ndjson"), ("members", "members.bin")):
        _require(told[f"{name}_sha512"] == sha512_of(parts[member]), f"{member} is not what the seal says")
    leaves = [bytes.fromhex(sha512_of(parts["seal.json"]))]
    covered = list(_covered(parts["heads.ndjson"], leaves))
    packages = list(_packages(parts["deposits.ndjson"], parts["members.bin"], leaves))
    root = HashTree(leaves, told["algorithm"]).root
    stamped = _stamped(parts["token.tst"])
    imprint = stamped["message_imprint"]["hashed_message"].native
    _require(imprint == root, "the token stamps another root")
    previous = told["previous"]
    return ReadSeal(
        number=number,
        at=datetime.fromisoformat(told["at"]),
        probative=bool(told["probative"]),
        algorithm=told["algorithm"],
        body=parts["seal.json"],
        heads=parts["heads.ndjson"],
        leaves=b"".join(leaves),
        root=root,
        token=parts["token.tst"],
        token_at=stamped["gen_time"].native,
        serial=str(stamped["serial_number"].native),
        signature=parts["signature.jws"].decode(),
        previous=None if previous is None else Named(previous["number"], previous["sha512"]),
        covered=covered,
        packages=packages,
    )


def _stamped(token: bytes) -> Any:  # noqa: ANN401 (asn1crypto publishes no types)
    signed = cms.ContentInfo.load(token)["content"]
    return tsp.TSTInfo.load(signed["encap_content_info"]["content"].contents)


def _covered(heads: bytes, leaves: list[bytes]) -> Iterator[tuple[str, Covered]]:
    for row in rows_of(heads):
        told = json.loads(row)
        head, lines = told["head"], told["lines"]
        position = len(leaves)
        leaves.append(bytes.fromhex(sha512_of(row)))
        if lines is not None:
            run = Run(lines["first"], lines["last"], bytes.fromhex(lines["root"]))
            leaves.append(run.root)
            yield told["journal"], Covered(0, position, Head(head["number"], head["sha512"]), run)


def _packages(deposits: bytes, members: bytes, leaves: list[bytes]) -> Iterator[tuple[Package, int]]:
    at = 0
    for row in rows_of(deposits):
        told = json.loads(row)
        digests = members[at : at + DIGEST * told["members"]]
        at += len(digests)
        leaf = bytes.fromhex(told["leaf"])
        own = [digests[start : start + DIGEST] for start in range(0, len(digests), DIGEST)]
        _require(len(own) == told["members"] and group_value(own) == leaf, "a group is not that of its members")
        position = len(leaves)
        leaves.append(leaf)
        yield Package(UUID(told["aip"]), told["version"], UUID(told["establishment"]), leaf, digests), position
    _require(at == len(members), "there are members of no package")
