"""Deposit a package piece by piece, and go on where it broke off.

Norm: tus 1.0.0, with creation, expiration and checksum. Each piece carries its SHA-256, the whole its SHA-512.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urljoin, urlsplit

from chartrier_client.conversation import (
    DEPOSIT_TIMEOUT,
    FAILURES,
    Close,
    Conversation,
    Flow,
    Pause,
    Question,
    Read,
    Work,
)
from chartrier_client.errors import (
    Problem,
    StillRunning,
    UnexpectedAnswer,
    UploadError,
    problem_from,
    problem_of,
)
from chartrier_client.language import Text
from chartrier_client.upload_memory import Identity, UploadMemory, aim_of, identity_of
from chartrier_client.upload_patience import FIRST_PAUSE, LONGEST_PAUSE, Patience, is_unknown, passes

UPLOADS: Final = "/ingest/v1/uploads"
TUS: Final = {"Tus-Resumable": "1.0.0"}
PIECE: Final = 8 << 20
# An upload that is gone is begun again; not for ever.
STARTS: Final = 3
# What an archive calls an upload that nothing more will come of.
OVER: Final = frozenset({"refused", "expired"})
# Archives take some thousands of requests for one upload: the pieces of a large one are larger.
MOST_PIECES: Final = 4000


@dataclass(frozen=True, slots=True)
class Upload:
    """A package to deposit; with a `memory` the same upload goes on after a crash of this program.

    `piece` is how many bytes are sent, and held in memory, at a time; more of a package of thousands of them.
    """

    path: Path
    agreement: str
    dry_run: bool = False
    memory: UploadMemory | None = None
    piece: int = PIECE


def forgotten(talk: Conversation, upload: Upload) -> None:
    """Remember an upload no more, once nothing is left to go on with."""
    if upload.memory:
        aim = aim_of(upload.path, upload.agreement, talk.credentials, dry_run=upload.dry_run)
        upload.memory.forget(aim)


class _Gone(Exception):
    """The archive knows this upload no more."""


def uploaded(talk: Conversation, upload: Upload, on_sent: Callable[[int, int], None] | None) -> Flow[str]:
    """Send a package, and return the identifier of its transfer.

    Raises `Problem` where the archive refuses it, `UploadError` where the file changes meanwhile, `Unreachable` where
    the network fails again and again, `StillRunning` where the transfer does not come: calling again goes on.
    """
    aim = aim_of(upload.path, upload.agreement, talk.credentials, dry_run=upload.dry_run)
    identity: Identity = yield Work(lambda: identity_of(aim))
    location = upload.memory.recall(identity) if upload.memory else None
    for _ in range(STARTS):
        begun = location is None
        if location is None:
            location = yield from _created(talk, identity)
            if upload.memory:
                upload.memory.keep(identity, location)
        sending = _Sending(talk, location, upload, identity, on_sent)
        try:
            return (yield from sending.completed(0 if begun else (yield from sending.offset())))
        except _Gone:
            location = None
            forgotten(talk, upload)
        except Problem:
            if sending.is_over:
                # Nothing more will come of it: the same call begins anew.
                forgotten(talk, upload)
            raise
    raise UploadError(Text("l'archive oublie ce dépôt à mesure", "the archive forgets this upload again and again"))


def _created(talk: Conversation, identity: Identity) -> Flow[str]:
    announced = {
        "agreement": identity.aim.agreement,
        "filename": "".join(letter if letter.isprintable() else "\ufffd" for letter in Path(identity.aim.path).name),
        "dry_run": "true" if identity.aim.dry_run else "false",
        "sha512": identity.sha512,
    }
    metadata = ",".join(f"{name} {_base64(value.encode())}" for name, value in announced.items())
    headers = {**TUS, "Upload-Length": str(identity.size), "Upload-Metadata": metadata}
    question = Question("POST", UPLOADS, headers=headers)
    response = yield from talk.ask(question)
    yield from talk.read(question, response)
    return place_of(talk.credentials.base_url, response.headers.get("Location", ""))


def place_of(base_url: str, location: str) -> str:
    """Return the path of an upload below the archive's address; a Location never takes us to another machine."""
    below = urlsplit(base_url).path.rstrip("/")
    path = urlsplit(urljoin(f"{below}{UPLOADS}", location)).path.removeprefix(below)
    if not location or not path.startswith(f"{UPLOADS}/"):
        raise UploadError(
            Text(
                f"l'archive a répondu un lieu étrange : «{location}»",
                f"the archive answered an odd place: «{location}»",
            )
        )
    return path


@dataclass(slots=True)
class _Sending:
    """One upload on its way; `is_over` once the archive has said that nothing more will come of it."""

    talk: Conversation
    location: str
    upload: Upload
    identity: Identity
    on_sent: Callable[[int, int], None] | None
    patience: Patience = field(default_factory=Patience)
    is_over: bool = False

    def completed(self, offset: int) -> Flow[str]:
        """Send what is left from `offset` on, then learn the transfer."""
        transfer: str | None = None
        while offset < self.identity.size:
            self._tell(offset)
            piece: bytes = yield Work(partial(self._piece, offset))
            reached, transfer = yield from self._patched(offset, piece)
            if reached > offset:
                self.patience.renew()
            offset = reached
        self._tell(offset)
        return transfer or (yield from self._awaited())

    def offset(self) -> Flow[int]:
        """Ask how much of it has arrived."""
        try:
            return (yield from self.patience.asked(self._head))
        except Problem as problem:
            if is_unknown(problem):
                yield from self._gone(problem)
            raise

    def _head(self) -> Flow[int]:
        response = yield from self.talk.ask(Question("HEAD", self.location, headers=TUS))
        yield Close(response)
        offset, length = response.headers.get("Upload-Offset", ""), response.headers.get("Upload-Length", "")
        if not offset.isdecimal():
            raise UnexpectedAnswer(
                Text(f"{response.url} n'a pas répondu comme un dépôt", f"{response.url} did not answer as an upload")
            )
        if length not in {"", str(self.identity.size)}:
            raise _Gone
        return int(offset)

    def _patched(self, offset: int, piece: bytes) -> Flow[tuple[int, str | None]]:
        """Send one piece; returns how much has arrived, and the transfer once it is known."""
        headers = {
            **TUS,
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {_base64(sha256(piece).digest())}",
        }
        question = Question("PATCH", self.location, headers=headers, content=piece, timeout=DEPOSIT_TIMEOUT)
        try:
            response = yield from self.talk.once(question)
            yield Read(response)
        except FAILURES as failure:
            yield from self.patience.pause(failure)
            return (yield from self.offset()), None
        reached, known = response.headers.get("Upload-Offset", ""), response.headers.get("Chartrier-Transfer")
        if response.is_success and reached.isdecimal() and int(reached) > offset:
            return int(reached), known and _last(known)
        problem = problem_from(response)
        if not response.is_success and not passes(problem):
            yield from self._refused(problem)
        yield from self.patience.pause(problem, response.headers.get("Retry-After", ""))
        return (yield from self.offset()), None

    def _refused(self, problem: Problem) -> Flow[NoReturn]:
        """Raise the refusal of a piece, once it is known whether it is the end of the whole upload.

        It may be of this request alone: a proxy's, or for a mandate that is given back tomorrow.
        """
        if is_unknown(problem):
            yield from self._gone(problem)
        try:
            body = yield from self.talk.json(self._state())
            self.is_over = body.get("state") in OVER
        except FAILURES as failure:
            self.is_over = is_unknown(failure)
        raise problem

    def _gone(self, problem: Problem) -> Flow[NoReturn]:
        """Raise `_Gone` for an upload that the archive forgot, why it was refused, or else the `problem` itself.

        Who says that an upload is not there may be a proxy before an archive that is away.
        """
        body = yield from self._stated()
        raise _Gone if body.get("state") in OVER else problem

    def _stated(self) -> Flow[Mapping[str, Any]]:
        """Ask where this upload stands; raises `_Gone` where nobody knows it, and why it was refused."""
        try:
            body: Mapping[str, Any] = yield from self.patience.asked(lambda: self.talk.json(self._state()))
        except Problem as problem:
            raise (_Gone() if is_unknown(problem) else problem) from problem
        if body.get("state") == "refused":
            self.is_over = True
            raise problem_of(body.get("problem"), 409)
        return body

    def _awaited(self) -> Flow[str]:
        """Ask for the transfer until it is known: the archive may take a while to put the pieces together."""
        waited, pause = 0.0, FIRST_PAUSE
        while waited <= DEPOSIT_TIMEOUT:
            body = yield from self._stated()
            self.patience.renew()
            if body.get("transfer"):
                return _last(str(body["transfer"]))
            if body.get("state") in OVER:
                raise _Gone
            yield Pause(pause)
            waited, pause = waited + pause, min(pause * 1.5, LONGEST_PAUSE)
        raise StillRunning(
            Text(
                f"{self.location} n'est pas encore un versement : la même commande le reprendra",
                f"{self.location} is no transfer yet: the same command goes on with it",
            )
        )

    def _state(self) -> Question:
        return Question("GET", self.location, headers={**TUS, "Accept": "application/json"})

    def _piece(self, start: int) -> bytes:
        known = self.upload.path.stat()
        if (known.st_size, known.st_mtime_ns) != (self.identity.size, self.identity.modified):
            raise UploadError(
                Text(
                    f"{self.upload.path} a changé pendant son dépôt : recommencez",
                    f"{self.upload.path} changed while it was sent: begin again",
                )
            )
        with self.upload.path.open("rb") as file:
            file.seek(start)
            return file.read(max(self.upload.piece, -(-self.identity.size // MOST_PIECES)))

    def _tell(self, offset: int) -> None:
        if self.on_sent:
            self.on_sent(offset, self.identity.size)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
