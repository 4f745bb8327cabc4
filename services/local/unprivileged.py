"""Running a server that refuses to be root when the operator is root.

PostgreSQL will not start as root. Where the system lets us, the server runs in a user namespace in which root
appears as an ordinary account: no account is created and no folder is opened to others. Elsewhere (containers
without that right) it runs as a system account of its own, which must be able to walk to its files.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ACCOUNT = "chartrier-postgres"
# Any account that is not root and that every system has: only its number is borrowed, inside the namespace.
_BORROWED = ("daemon", "nobody")


class NoAccountError(Exception):
    """Root was refused, and no ordinary account could take its place."""


@dataclass(frozen=True, slots=True)
class Guise:
    """How to run a command as somebody who is not root."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


@cache
def guise() -> Guise:
    """Nothing to do for an ordinary account; for root the least intrusive way this system has."""
    if os.geteuid() != 0:
        return Guise()
    return _namespace() or _account()


def give(path: Path, to: Guise) -> None:
    """Hand a folder and all below it to the account of this guise, and let that account walk to it."""
    user, group = (os.geteuid(), os.getegid()) if to.user is None or to.group is None else (to.user, to.group)
    if path.stat().st_uid != user:
        for place in (path, *path.rglob("*")):
            os.chown(place, user, group, follow_symlinks=False)
    let_through(path, to)


def let_through(path: Path, to: Guise) -> None:
    """Let the account of this guise walk through the folders above that are another's, never list or read them."""
    if to.user is None:
        return
    for folder in path.resolve().parents:
        found = folder.stat()
        if found.st_uid != to.user and not found.st_mode & 0o001:
            folder.chmod(found.st_mode | 0o001)
            print(f"{folder}: others may now walk through it (not list it): {ACCOUNT} must reach its files.")


def _namespace() -> Guise | None:
    unshare = shutil.which("unshare")
    for name in _BORROWED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if unshare is None:
            return None
        prefix = (unshare, "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return Guise(prefix)
    return None


def _account() -> Guise:
    useradd = shutil.which("useradd")
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        if useradd is None:
            raise NoAccountError(
                "PostgreSQL refuses to run as root and no account can be created here: "
                "start Chartrier from an ordinary account."
            ) from None
        subprocess.run([useradd, "--system", "--no-create-home", ACCOUNT], check=True, capture_output=True)
        entry = pwd.getpwnam(ACCOUNT)
    return Guise((), entry.pw_uid, entry.pw_gid)
