"""What is remembered of uploads between two runs: a small file each, in a folder of the user's."""

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from chartrier_client.conversation import Credentials
from chartrier_client.files import sha512_of
from chartrier_client.language import Text, told

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


def _warned(text: Text) -> None:
    warnings.warn(text.en, RuntimeWarning, stacklevel=2)


@dataclass(frozen=True, slots=True)
class UploadMemory:
    """A folder of memories; it is made when there is something to remember. One that cannot be read is no memory.

    An upload does without where the folder cannot be written: `warn` hears of it, once.
    """

    folder: Path
    warn: Callable[[Text], object] = _warned
    _failed: list[OSError] = field(default_factory=list, init=False, repr=False, compare=False)

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
        body = json.dumps({"identity": asdict(identity), "location": location}, indent=2)
        with self._as_far_as_it_can():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._file(identity.aim)
            part = file.with_name(file.name + ".part")
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            part.write_text(body, encoding="utf-8")
            part.replace(file)
            self._tidy()

    def forget(self, aim: Aim) -> None:
        """Remember this upload no more, whatever its file has become."""
        with self._as_far_as_it_can():
            self._file(aim).unlink(missing_ok=True)

    @contextmanager
    def _as_far_as_it_can(self) -> Iterator[None]:
        # What was begun at the archive is worth more than the memory of it: each try would leave another one there.
        try:
            yield
        except OSError as error:
            if not self._failed:
                fr, en = told(error, "fr"), told(error, "en")
                self.warn(
                    Text(
                        f"ce dépôt ne reprendra pas après un arrêt, sa mémoire ne s'écrit pas : {fr}",
                        f"this upload will not go on after a stop, its memory cannot be written: {en}",
                    )
                )
            self._failed.append(error)

    def _tidy(self) -> None:
        """Forget what nobody went on with: no archive keeps half a package so long."""
        for file in self.folder.glob("*.json"):
            # Others tidy here as well.
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > LONGEST_MEMORY:
                    file.unlink()

    def _file(self, aim: Aim) -> Path:
        # One memory for each file and aim: a changed file takes the place of what it was.
        key = json.dumps(astuple(aim))
        return self.folder / f"{sha256(key.encode()).hexdigest()[:32]}.json"
