"""Time-stamping authorities to test against: `openssl ts` behind HTTP, with certificates and lists of its own.

It stamps as it should, or as it is told to misbehave (`behaves`); with `at` it stamps a day of one's choice, by
pyHanko then, for openssl knows no time but now.
"""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from asn1crypto import cms, keys, parser, tsp
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.timestamps import DummyTimeStamper
from typing_extensions import override

from shared.clock import now
from tests.builders import pki

POLICY: Final = "2.999.1"
OTHER_POLICY: Final = "2.999.2"
"""Of the arc that ITU-T X.660 keeps for examples."""

REPLY: Final = "application/timestamp-reply"

_CONFIGURATION = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
signer_cert = {folder}/own.pem
signer_key = {folder}/own.key
certs = {folder}/above.pem
signer_digest = sha256
default_policy = {policy}
other_policies = {other}
digests = sha256, sha384, sha512
accuracy = secs:1
clock_precision_digits = 3
ess_cert_id_alg = {ess}
"""


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    body: bytes
    status: int = 200
    kind: str = REPLY
    location: str | None = None


@dataclass
class ATimeStamper:
    """An authority that runs: root, authority and time-stamper, each with a certificate that says where lists are.

    `publishes`: lists and answers are there for whoever asks; `revoked`: since when its certificate is;
    `listed`: what lies where the list of its authority should.
    """

    folder: Path
    url: str
    ess: str = "sha256"
    answers: bool = False
    brings: bool = True
    name: str = "autorité"
    behaves: str = "well"
    at: datetime | None = None
    publishes: bool = True
    revoked: datetime | None = None
    listed: bytes | None = None
    asked: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._turn = threading.Lock()
        self.root = pki.issue(pki.Wanted(f"Racine de {self.name}", authority=True))
        self.authority = pki.issue(
            pki.Wanted(f"Certification de {self.name}", authority=True, listed_at=f"{self.url}/root.crl"),
            self.root,
        )
        wanted = pki.Wanted(
            f"Horodatage de {self.name}",
            key="2048",
            stamps=True,
            issued_at=f"{self.url}/authority.cer",
            answered_at=f"{self.url}/ocsp" if self.answers else None,
            listed_at=None if self.answers else f"{self.url}/authority.crl",
        )
        self.own = pki.issue(wanted, self.authority)
        self.replace(self.own)

    def replace(self, own: pki.Holder) -> None:
        """Stamp with another certificate from now on."""
        self.own = own
        self.folder.mkdir(exist_ok=True)
        (self.folder / "own.pem").write_bytes(own.pem)
        (self.folder / "own.key").write_bytes(own.key_pem)
        above = own.above if self.brings else ()
        # As openssl has them: in the order of the file, which is not that of DER.
        (self.folder / "above.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in above))
        (self.folder / "roots.pem").write_bytes(self.root.pem)
        described = _CONFIGURATION.format(folder=self.folder, policy=POLICY, other=OTHER_POLICY, ess=self.ess)
        lines = [line for line in described.splitlines() if self.brings or not line.startswith("certs =")]
        (self.folder / "openssl.cnf").write_text("\n".join(lines))

    @property
    def roots(self) -> Path:
        """Return the file of the root, PEM."""
        return self.folder / "roots.pem"

    def stamp(self, query: bytes) -> bytes:
        """Return the response to a request, as it should be."""
        if self.at is not None:
            return self.forge(query, at=self.at)
        with self._turn:
            (self.folder / "query").write_bytes(query)
            command = ["openssl", "ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query", "-out", "answer"]
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
            return (self.folder / "answer").read_bytes()

    def forge(self, query: bytes, *, by: pki.Holder | None = None, **how: Any) -> bytes:  # noqa: ANN401 (as told)
        """Return a response that openssl would not give: of another time, or by a certificate that may not."""
        stamper = _Forger(by or self.own, **how)
        return bytes(stamper.request_tsa_response(tsp.TimeStampReq.load(query)).dump())

    def answer(self, query: bytes) -> Answer:
        """Return what goes back, as `behaves` says."""
        self.asked.append(query)
        return _BEHAVIOURS[self.behaves](self, query)

    def published(self, path: str) -> bytes | None:
        """Return what lies at a path, None for nothing."""
        self.paths.append(path)
        if path == "/authority.cer":
            return self.authority.der
        if not self.publishes:
            return None
        gone = [(self.own, self.revoked)] if self.revoked else []
        listed = pki.revocation_list(self.authority, gone)
        lists: dict[str, Callable[[], bytes]] = {
            "/root.crl": lambda: pki.crl_der(self.root),
            "/authority.crl": lambda: self.listed or listed.public_bytes(Encoding.DER),
            "/ocsp": lambda: pki.ocsp_der(self.own, self.authority, self.revoked),
        }
        return lists[path]() if path in lists else None


class _Forger(DummyTimeStamper):  # type: ignore[misc] # untyped
    """pyHanko's, under our policy; `names` says whether it names its certificate (ESSCertID)."""

    def __init__(self, by: pki.Holder, *, at: datetime | None = None, names: bool = True) -> None:
        key = by.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        above = [Certificate.load(pki.der_of(one)) for one in by.above]
        super().__init__(Certificate.load(by.der), keys.PrivateKeyInfo.load(key), above, at or now())
        self._names = names

    @override
    def _build_tst_info(self, *asked: Any) -> Any:
        stamped = super()._build_tst_info(*asked)
        stamped["policy"] = POLICY
        return stamped

    @override
    def _sign_tst_info(self, tst_info_data: bytes, md_algorithm: str, dt: datetime) -> Any:
        signature, attributes = super()._sign_tst_info(tst_info_data, md_algorithm, dt)
        if self._names:
            return signature, attributes
        kept = cms.CMSAttributes([one for one in attributes if one["type"].native != "signing_certificate"])
        return pki.rsa_signature(self.tsa_key.dump(), kept.dump(), md_algorithm), kept


def in_ber(der: bytes, levels: int = 5) -> bytes:
    """Return the same with its outer levels in BER, of indefinite length: as streaming authorities write."""
    class_, method, tag, _, content, _ = parser.parse(der)
    if not method or not levels:
        return der
    parts, at = b"", 0
    while at < len(content):
        part = content[at : at + parser.peek(content[at:])]
        parts, at = parts + in_ber(part, levels - 1), at + len(part)
    return bytes([class_ << 6 | method << 5 | tag, 0x80]) + parts + b"\0\0"


def is_der(octets: bytes) -> bool:
    """Say whether no length is indefinite, and every set in order, at any level."""
    _, method, tag, _, content, _ = parser.parse(octets, strict=True)
    if octets[1] == 0x80:
        return False
    if not method:
        return True
    parts, at = [], 0
    while at < len(content):
        parts.append(content[at : at + parser.peek(content[at:])])
        at += len(parts[-1])
    return all(map(is_der, parts)) and (tag != 17 or parts == sorted(parts))


def _altered(query: bytes, **changes: Any) -> bytes:  # noqa: ANN401 (as told)
    request = tsp.TimeStampReq.load(query)
    for name, value in changes.items():
        request[name] = value
    return bytes(request.dump())


def _of_other_digest(it: ATimeStamper, query: bytes) -> Answer:
    asked = tsp.TimeStampReq.load(query)["message_imprint"]
    other = {"hash_algorithm": asked["hash_algorithm"], "hashed_message": bytes(len(asked["hashed_message"].native))}
    return Answer(it.stamp(_altered(query, message_imprint=other)))


def _with_other_signature(it: ATimeStamper, query: bytes) -> Answer:
    response = tsp.TimeStampResp.load(it.stamp(query))
    signer = response["time_stamp_token"]["content"]["signer_infos"][0]
    signature = bytearray(signer["signature"].native)
    signature[-1] ^= 1
    signer["signature"] = bytes(signature)
    return Answer(response.dump())


def _by_a_stranger(it: ATimeStamper, query: bytes) -> Answer:
    # The same names, and other keys: only a signature tells.
    root = pki.issue(pki.Wanted(f"Racine de {it.name}", authority=True, key="ec again"))
    strange, name = f"{it.url}/strange", f"Horodatage de {it.name}"
    wanted = pki.Wanted(name, key="2048", stamps=True, listed_at=strange, answered_at=strange, issued_at=strange)
    return Answer(it.forge(query, by=pki.issue(wanted, root)))


def _by_who_does_not_stamp(it: ATimeStamper, query: bytes) -> Answer:
    return Answer(it.forge(query, by=pki.issue(pki.Wanted("Signataire", key="2048"), it.authority)))


def _slowly(it: ATimeStamper, query: bytes) -> Answer:
    it.released.wait(60)
    return Answer(it.stamp(query))


_REFUSAL = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {"unaccepted_policy"}})

_BEHAVIOURS: dict[str, Callable[[ATimeStamper, bytes], Answer]] = {
    "well": lambda it, query: Answer(it.stamp(query)),
    "in BER": lambda it, query: Answer(in_ber(it.stamp(query))),
    "slowly": _slowly,
    "garbage": lambda *_: Answer(b"\x30\x82\xff\xff of no use"),
    "nothing": lambda *_: Answer(b""),
    "a page": lambda *_: Answer(b"<html>", kind="text/html"),
    "an error": lambda *_: Answer(b"", status=503),
    "elsewhere": lambda it, _: Answer(b"", status=302, location=f"{it.url}/tsa"),
    "too much": lambda it, query: Answer(it.stamp(query) + bytes(300_000)),
    "a refusal": lambda *_: Answer(parser.emit(0, 1, 16, _REFUSAL.dump())),
    "another digest": _of_other_digest,
    "another nonce": lambda it, query: Answer(it.stamp(_altered(query, nonce=17))),
    "another policy": lambda it, query: Answer(it.stamp(_altered(query, req_policy=OTHER_POLICY))),
    "the first token": lambda it, _: Answer(it.stamp(it.asked[0])),
    "another signature": _with_other_signature,
    "a stranger": _by_a_stranger,
    "no time-stamper": _by_who_does_not_stamp,
    "no name": lambda it, query: Answer(it.forge(query, names=False)),
    "an hour ago": lambda it, query: Answer(it.forge(query, at=now() - timedelta(hours=1))),
    "in an hour": lambda it, query: Answer(it.forge(query, at=now() + timedelta(hours=1))),
}

LIES: Final = {
    "garbage": "cannot be read",
    "nothing": "cannot be read",
    "another digest": "another digest",
    "another nonce": "another request",
    "another policy": "another policy",
    "the first token": "another request",
    "another signature": "not by its key",
    "a stranger": "do not lead to its root: PathValidationError",
    "no time-stamper": "not one of a time-stamper",
    "no name": "does not name the certificate",
    "an hour ago": "far from ours",
    "in an hour": "far from ours",
}
"""Answers that must not be kept, and why."""

FAILURES: Final = {
    "slowly": "no answer within",
    "a page": "not application/timestamp-reply",
    "an error": "status 503",
    "elsewhere": "status 302",
    "too much": "more than",
    "a refusal": "rejection",
}
"""What is no token, and why."""


@contextlib.contextmanager
def running_time_stamper(folder: Path, **how: Any) -> Iterator[ATimeStamper]:  # noqa: ANN401 (fields of ATimeStamper)
    """Lend an authority that listens on loopback, at `url` + ``/tsa``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Face)
    it = ATimeStamper(folder, f"http://127.0.0.1:{server.server_port}", **how)
    server.it = it  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield it
    finally:
        it.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Face(BaseHTTPRequestHandler):
    @property
    def it(self) -> ATimeStamper:
        it: ATimeStamper = self.server.it  # type: ignore[attr-defined]
        return it

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/ocsp":
            self.do_GET()
        else:
            with contextlib.suppress(ConnectionError):
                self._tell(self.it.answer(sent))

    def do_GET(self) -> None:
        content = self.it.published(self.path)
        kind = "application/ocsp-response" if self.path == "/ocsp" else "application/pkix-crl"
        self._tell(Answer(b"", status=404) if content is None else Answer(content, kind=kind))

    def _tell(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.location is not None:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(answer.body)

    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def verified_by_openssl(token: bytes, digest: bytes, roots: Path, folder: Path, at: datetime | None = None) -> str:
    """Return what `openssl ts -verify` says of a token, with nothing but the root beside it; at `at` if not now."""
    file = folder / "token.tst"
    file.write_bytes(token)
    when = [] if at is None else ["-attime", str(int(at.timestamp()))]
    command = [
        "openssl",
        "ts",
        "-verify",
        "-token_in",
        "-in",
        str(file),
        "-digest",
        digest.hex(),
        "-CAfile",
        str(roots),
    ]
    return subprocess.run([*command, *when], capture_output=True, text=True, check=False).stdout.strip()
