"""openssl as a verifier of time-stamps that is not ours, for every token of an evidence record.

What BouncyCastle leaves out: each token was good when the next one was made (RFC 4998, section 5.3), by signature,
certificates and imprint. The tokens, and the roots they should stamp, are read from the record without the
archive's code.
"""

import hashlib
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import cms, core, tsp


@dataclass(frozen=True)
class AToken:
    """A token as it stands in a record, the root that its path leads to, and when it says that it was made."""

    der: bytes
    algorithm: str
    root: bytes
    made_at: datetime


def tokens_of(record: bytes) -> list[AToken]:
    """Return the tokens of a record, the oldest first."""
    chains = _members(_members(record)[-1])
    return [_token(tsp.ArchiveTimeStamp.load(stamp)) for chain in chains for stamp in _members(chain)]


def _members(sequence: bytes) -> list[bytes]:
    members = core.Sequence.load(sequence, strict=True)
    return [members[index].dump() for index in range(len(members))]


def _token(stamp: tsp.ArchiveTimeStamp) -> AToken:
    algorithm = stamp["digest_algorithm"]["algorithm"].native
    value: bytes | None = None
    for digests in stamp["reduced_hashtree"]:
        members = sorted([*digests.native, *([] if value is None else [value])])
        value = members[0] if len(members) == 1 else hashlib.new(algorithm, b"".join(members)).digest()
    assert value is not None
    token = stamp["time_stamp"]
    made_at = cms.ContentInfo.load(token.dump())["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return AToken(token.dump(), algorithm, value, made_at)


def openssl_faults(record: bytes, trusted: Path, folder: Path, now: datetime) -> list[str]:
    """Return what openssl has against a record's tokens, each looked at when the next was made, the last one `now`.

    `trusted` has the roots, in PEM; `folder` takes files.
    """
    tokens = tokens_of(record)
    moments = [token.made_at for token in tokens[1:]] + [now]
    faults = [_fault(token, moment, trusted, folder) for token, moment in zip(tokens, moments, strict=True)]
    return [f"token {number}: {fault}" for number, fault in enumerate(faults, 1) if fault]


def _fault(token: AToken, moment: datetime, trusted: Path, folder: Path) -> str | None:
    if token.made_at >= moment:
        return f"made {token.made_at}, not before {moment}"
    given = folder / "token.tst"
    given.write_bytes(token.der)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", str(given), "-CAfile", str(trusted)]
    command += ["-digest", token.root.hex(), "-attime", str(int(moment.timestamp()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr or "refused"
