"""No secret in a file of the project: `detect-secrets` over all that git tracks or is about to.

What it takes for one and is none stands in secrets.toml with its reason.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from supply import locks

HARMLESS = Path(__file__).with_name("secrets.toml")
# Digests by the thousand: pip refuses a lock with anything else in it, and people review the third.
_DIGESTS = frozenset({locks.RUNTIME.name, locks.WITH_TOOLS.name, f"supply/{HARMLESS.name}"})
_MADE_BY_TOOLS = frozenset(
    {".venv", ".run", ".git", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
_SHARE = 20
# Those of detect-secrets' searches that could find something here: each costs every line of every file.
_SEARCHES = (
    "AWSKeyDetector",
    "Base64HighEntropyString",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "HexHighEntropyString",
    "JwtTokenDetector",
    "KeywordDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like a secret; `digest` is the SHA-1 of its text, which is itself never shown."""

    path: str
    line: int
    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class Harmless:
    """What is no secret: all of a kind in files of this pattern, or one text of it where `digest` is given."""

    path: str
    kind: str
    reason: str
    digest: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Tell whether this is about that finding."""
        same_text = self.digest in {None, finding.digest}
        return same_text and self.kind == finding.kind and fnmatchcase(finding.path, self.path)


def harmless(source: Path = HARMLESS) -> tuple[Harmless, ...]:
    """Read the list; TypeError where an entry lacks a word, ValueError where its reason is empty."""
    entries = tuple(Harmless(**entry) for entry in tomllib.loads(source.read_text(encoding="utf-8"))["harmless"])
    if any(not entry.reason.strip() for entry in entries):
        raise ValueError(f"{source.name}: an entry without a reason.")
    return entries


def files_of(root: Path) -> list[str]:
    """List what git tracks in this folder, and what it would add; without git or a clone, all but what tools made."""
    names = _known_to_git(root)
    if names is None:
        names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        names = {name for name in names if not _MADE_BY_TOOLS.intersection(name.split("/"))}
    return sorted(name for name in names - _DIGESTS if (root / name).is_file())


def _known_to_git(root: Path) -> set[str] | None:
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return set(listed.split("\0")) - {""}


def scan(root: Path, names: Iterable[str]) -> list[Finding]:
    """Look into these files of a folder."""
    with transient_settings({"plugins_used": [{"name": name} for name in _SEARCHES]}):
        return [
            Finding(name, one.line_number, one.type, one.secret_hash)
            for name in names
            for one in scan_file(str(root / name))
        ]


def scan_together(root: Path, names: Sequence[str]) -> list[Finding]:
    """As `scan`, on every core: worth it for hundreds of files."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        shares = [names[first : first + _SHARE] for first in range(0, len(names), _SHARE)]
        return [finding for found in pool.map(partial(scan, root), shares) for finding in found]


def faults(findings: Iterable[Finding], known: Iterable[Harmless]) -> list[str]:
    """Say what may be a secret, with the entry that would clear it; and which entries clear nothing."""
    findings, known = list(findings), list(known)
    told = [
        f"{one.path}:{one.line}: {one.kind}. If it is none, in supply/{HARMLESS.name}:\n"
        f'[[harmless]]\npath = "{one.path}"\nkind = "{one.kind}"\ndigest = "{one.digest}"\nreason = ""\n'
        for one in findings
        if not any(entry.covers(one) for entry in known)
    ]
    told += [
        f"supply/{HARMLESS.name}: {entry.path}, {entry.kind}: clears nothing any more."
        for entry in known
        if not any(entry.covers(one) for one in findings)
    ]
    return told


def main() -> int:
    """Scan this project; 1 if something may be a secret."""
    names = files_of(locks.ROOT)
    wrong = faults(scan_together(locks.ROOT, names), harmless())
    for fault in wrong:
        print(fault, file=sys.stderr)
    if not wrong:
        print(f"Secrets: none in {len(names)} files.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
