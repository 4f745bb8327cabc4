"""Renewals read back from a site: as they were fixed, or what is wrong with them by themselves.

As for seals nothing is believed for its place (`read_proofs`); what a leaf is the digest of is compared when it is
added to what came back before it.
"""

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asn1crypto import cms, tsp

from services.proof.domain.hash_tree import HashTree, digest_size, group_value
from services.proof.domain.proofs import Named, rows_of
from services.proof.domain.read_proofs import NotTheProof
from services.proof.domain.renewals import TREE, RenewalKind, Renewed, digest
from services.proof.domain.tree_renewals import PackageLeaf
from shared.checksums import sha512_of


@dataclass(frozen=True, slots=True)
class ReadRun:
    """Lines of a journal, by its name, under a renewal of trees."""

    journal: str
    first: int
    last: int
    root: bytes
    position: int


@dataclass(slots=True)
class ReadRenewal:
    """A renewal with what it covers."""

    number: int
    kind: RenewalKind
    at: datetime
    algorithm: str
    probative: bool
    body: bytes
    rows: bytes
    token: bytes
    signature: str
    previous: Named | None
    leaves: bytes = b""
    root: bytes = b""
    token_at: datetime | None = None
    serial: str = ""
    stamps: list[Renewed] = field(default_factory=list)
    packages: list[PackageLeaf] = field(default_factory=list)
    runs: list[ReadRun] = field(default_factory=list)

    @property
    def before(self) -> str | None:
        """Return what it says of the one before it."""
        return None if self.previous is None else self.previous.sha512

    @property
    def identity(self) -> str:
        """Return what the one after it says of it."""
        return sha512_of(self.body)


def read_renewal(content: bytes, number: int) -> ReadRenewal:
    """Return the renewal that a container is. Raises `NotTheProof`."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            parts = {member.name: _content(tar, member) for member in tar}
        told = json.loads(parts["renewal.json"])
        _require(told["format"] == "chartrier-renewal/1" and told["number"] == number, "another renewal")
        members = ("members.bin",) if told["kind"] == TREE else ()
        wanted = ("renewal.json", "leaves.ndjson", *members, "token.tst", "signature.jws")
        _require(tuple(parts) == wanted, "its members are not those of a renewal")
        return _renewal(parts, told)
    except (ValueError, KeyError, TypeError, AttributeError, tarfile.TarError) as error:
        raise NotTheProof(f"it is no renewal: {type(error).__name__}") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    return b"" if opened is None else opened.read()


def _require(condition: object, what: str) -> None:
    if not condition:
        raise NotTheProof(what)


def _renewal(parts: dict[str, bytes], told: dict[str, Any]) -> ReadRenewal:
    members, previous = parts.get("members.bin"), told["previous"]
    _require(told["leaves_sha512"] == sha512_of(parts["leaves.ndjson"]), "leaves.ndjson is not what it says")
    _require(told["members_sha512"] == (None if members is None else sha512_of(members)), "nor members.bin")
    read = ReadRenewal(
        number=told["number"],
        kind=told["kind"],
        at=datetime.fromisoformat(told["at"]),
        algorithm=told["algorithm"],
        probative=bool(told["probative"]),
        body=parts["renewal.json"],
        rows=parts["leaves.ndjson"],
        token=parts["token.tst"],
        signature=parts["signature.jws"].decode(),
        previous=None if previous is None else Named(previous["number"], previous["sha512"]),
    )
    leaves = [digest(read.algorithm, read.body), *_leaves(read, members or b"")]
    read.leaves, read.root = b"".join(leaves), HashTree(leaves, read.algorithm).root
    _stamp(read)
    return read


def _leaves(read: ReadRenewal, members: bytes) -> Sequence[bytes]:
    leaves: list[bytes] = []
    for position, row in enumerate(rows_of(read.rows), 1):
        told = json.loads(row)
        if "renewed" in told:
            leaves.append(bytes.fromhex(told["leaf"]))
            read.stamps.append(Renewed(told["renewed"]["kind"], told["renewed"]["number"]))
        elif "aip" in told:
            leaves.append(bytes.fromhex(told["leaf"]))
            members = _package(read, told, (position, leaves[-1]), members)
        else:
            leaves.append(bytes.fromhex(told["root"]))
            read.runs.append(ReadRun(told["journal"], told["first"], told["last"], leaves[-1], position))
    _require(not members, "there are members of no package")
    return leaves


def _package(read: ReadRenewal, told: dict[str, Any], place: tuple[int, bytes], members: bytes) -> bytes:
    """Take a package, and return the members that are left."""
    position, leaf = place
    size = digest_size(read.algorithm)
    own = members[: size * told["members"]]
    digests = [own[start : start + size] for start in range(0, len(own), size)]
    whole = len(digests) == told["members"] and group_value(digests, read.algorithm) == leaf
    _require(whole, "a group is not that of its members")
    read.packages.append(PackageLeaf(UUID(told["aip"]), told["version"], own, leaf, position))
    return members[len(own) :]


def _stamp(read: ReadRenewal) -> None:
    signed = cms.ContentInfo.load(read.token)["content"]
    stamped = tsp.TSTInfo.load(signed["encap_content_info"]["content"].contents)
    _require(stamped["message_imprint"]["hashed_message"].native == read.root, "the token stamps another root")
    read.token_at = stamped["gen_time"].native
    read.serial = str(stamped["serial_number"].native)
