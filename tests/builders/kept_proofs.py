"""What proves a site that was made without running an archive: an anchor and a seal over all its journals."""

import asyncio
import io
from collections.abc import Mapping

from bench.kept_sites import NOON, KeptSite
from services.proof.domain.line import FixedLine, Head
from services.proof.domain.proofs import (
    ANCHOR_TYPE,
    SEAL_TYPE,
    AnchorFacts,
    Before,
    Named,
    anchor_payload,
    seal_body,
    seal_signature,
)
from services.proof.domain.sealing import Sheet, Standing
from services.proof.signing.opening import open_signer
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.stamper import Stamper
from services.storage.domain.keys import proof_key
from services.storage.proofs import proof_id
from shared.checksums import sha512_of
from shared.packaging.tar import TarWriter


def prove(site: KeptSite) -> None:
    """Put an anchor, and a seal that names it, on a site, as proof would have made them then."""
    asyncio.run(_prove(site))


async def _prove(site: KeptSite) -> None:
    signer = open_signer("development:")
    lines = {fixed[-1].journal: fixed for fixed in site.journals.values()}
    heads = {name: Head(fixed[-1].number, fixed[-1].sha512) for name, fixed in lines.items()}
    facts = AnchorFacts(1, NOON, previous=None, seal=None, probative=False, heads=heads, senders={})
    anchor = (await signer.sign(ANCHOR_TYPE, anchor_payload(facts))).encode()
    sheet = _sheet(site, lines)
    before = Before(None, None, None, Named(1, sha512_of(anchor)))
    body = seal_body(1, NOON, before, sheet.tables(), probative=False)
    _, root = sheet.tree(body)
    fetcher = Fetcher()
    stamped = await Stamper([BuiltinAuthority()], fetcher).stamp(root, "sha512")
    await fetcher.close()
    signature = await signer.sign(SEAL_TYPE, seal_signature(1, root, sha512_of(body)))
    members = {
        "seal.json": body,
        "heads.ndjson": sheet.heads,
        "deposits.ndjson": b"",
        "members.bin": b"",
        "token.tst": stamped.token,
        "signature.jws": signature.encode(),
    }
    for kind, content in (("anchor", anchor), ("seal", _packed(members))):
        site.store(proof_key(kind, 1), content, (f"proof:{proof_id(kind)}", 1, None))


def _sheet(site: KeptSite, lines: Mapping[str, list[FixedLine]]) -> Sheet:
    standings, digests = [], {}
    owners = {fixed[-1].journal: owner for (_, owner), fixed in site.journals.items()}
    for number, name in enumerate(sorted(lines, key=str.encode)):
        head = lines[name][-1]
        standings.append(Standing(number, name, owners[name], Head(head.number, head.sha512), 0))
        digests[number] = b"".join(bytes.fromhex(one.sha512) for one in lines[name])
    return Sheet(standings, digests)


def _packed(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with TarWriter(out, int(NOON.timestamp())) as tar:
        for name, content in members.items():
            tar.add(name, len(content), [content])
        tar.finish()
    return out.getvalue()
