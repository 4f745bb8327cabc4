"""What is remembered of uploads between two runs: a small file each, in a folder of the user's."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from chartrier_client.conversation import Credentials
from chartrier_client.files import sha512_of

LONGEST_MEMORY: Final = 60 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Aim:
    """Which path goes to which archive, under which agreement."""

    url: str
    client_id: str
    agreement: str
    dry_run: bool
    path: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What is sent, byte for byte; `modified` is the file's time in nanoseconds."""

    aim: Aim
    size: int
    modified: int
    sha512: str


def aim_of(path: Path, agreement: str, credentials: Credentials, *, dry_run: bool) -> Aim:
    """Return the aim of a deposit."""
    url, client_id = credentials.base_url.rstrip("/"), credentials.client_id
    return Aim(url, client_id, agreement, dry_run, str(path.resolve()))


def identity_of(aim: Aim) -> Identity:
    """Look at a file and read it once, for its digest."""
    path = Path(aim.path)
    known = path.stat()
    return Identity(aim, known.st_size, known.st_mtime_ns, sha512_of(path))


@dataclass(frozen=True, slots=True)
class UploadMemory:
    """A folder of memories; it is made when there is something to remember. One that cannot be read is no memory."""

    folder: Path

    def recall(self, identity: Identity) -> str | None:
        """Return where this upload was, None when nothing is known or the file has changed since."""
        try:
            body: Any = json.loads(self._file(identity.aim).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(body, Mapping) or body.get("identity") != asdict(identity):
            return None
        location = body.get("location")
        # A place below the archive's address, and nowhere else.
        return location if isinstance(location, str) and location.startswith("/") else None

    def keep(self, identity: Identity, location: str) -> None:
        """Remember where an upload is; for nobody else to read."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(identity.aim)
        part = file.with_name(file.name + ".part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps({"identity": asdict(identity), "location": location}, indent=2), encoding="utf-8")
        part.replace(file)
        self._tidy()

    def forget(self, aim: Aim) -> None:
        """Remember this upload no more, whatever its file has become."""
        self._file(aim).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Forget what nobody went on with: no archive keeps half a package so long."""
        for file in self.folder.glob("*.json"):
            if time.time() - file.stat().st_mtime > LONGEST_MEMORY:
                file.unlink(missing_ok=True)

    def _file(self, aim: Aim) -> Path:
        # One memory for each file and aim: a changed file takes the place of what it was.
        key = json.dumps(astuple(aim))
        return self.folder / f"{sha256(key.encode()).hexdigest()[:32]}.json"
