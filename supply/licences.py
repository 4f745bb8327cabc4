"""The licences of what is installed, held against the list of those we allow.

`python -m supply.licences` checks; with a path it writes there the notices to hand on with the archive.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from supply import locks

ALLOWED = Path(__file__).with_name("licences.toml")
OURS = frozenset({"chartrier", "chartrier-client"})


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package and the licence that its author declares; `text` is the notice, if it ships one."""

    name: str
    version: str
    licence: str
    url: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The content of licences.toml; `archive` and `tools` give, by package, the licence it is excused for."""

    permissive: frozenset[str]
    spellings: Mapping[str, str]
    archive: Mapping[str, str]
    tools: Mapping[str, str]


def allowed(source: Path = ALLOWED) -> Allowed:
    """Read the list; ValueError where something is allowed without a reason."""
    data = tomllib.loads(source.read_text(encoding="utf-8"))
    excuses = {**data["archive"], **data["tools"]}
    mute = [name for name, why in data["permissive"].items() if not why.strip()]
    mute += [name for name, excuse in excuses.items() if not excuse["reason"].strip()]
    if mute:
        raise ValueError(f"Allowed without a reason: {', '.join(mute)}.")
    return Allowed(
        frozenset(data["permissive"]),
        data["spellings"],
        {name: excuse["licence"] for name, excuse in data["archive"].items()},
        {name: excuse["licence"] for name, excuse in data["tools"].items()},
    )


def installed() -> tuple[Package, ...]:
    """Every package of this environment but our own."""
    texts = ("--with-urls", "--with-license-file", "--no-license-path")
    command = (sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system", *texts)
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    packages = (_package(one) for one in json.loads(told))
    return tuple(package for package in packages if package.name not in OURS)


def _package(told: Mapping[str, str]) -> Package:
    url, text = ("" if told[key] == "UNKNOWN" else told[key].strip() for key in ("URL", "LicenseText"))
    return Package(canonicalize_name(told["Name"]), told["Version"], told["License"], url, text)


def is_permissive(licence: str, rules: Allowed) -> bool:
    """Tell whether one may hand on under these terms: any side of an OR, every side of an AND (or of a `;`)."""
    together = (part for listed in licence.split(";") for part in listed.split(" AND "))
    return all(_any_permissive(part.split(" OR "), rules) for part in together)


def _any_permissive(choices: Iterable[str], rules: Allowed) -> bool:
    return any(_spdx(choice, rules) in rules.permissive for choice in choices)


def _spdx(name: str, rules: Allowed) -> str:
    return rules.spellings.get(name.strip(), name.strip())


def faults(packages: Iterable[Package], runtime: frozenset[str], rules: Allowed) -> list[str]:
    """Say what may not stay: a package whose licence nobody allowed, an excuse that excuses nothing."""
    unused = {**rules.archive, **rules.tools}
    found = []
    for package in packages:
        if is_permissive(package.licence, rules):
            continue
        where, excuses = ("archive", rules.archive) if package.name in runtime else ("tools", rules.tools)
        if excuses.get(package.name) == _spdx(package.licence, rules):
            unused.pop(package.name, None)
        else:
            found.append(f"{package.name} {package.version}: {package.licence} is not allowed in [{where}].")
    found += [f"{name}: its line in licences.toml excuses nothing that is installed." for name in sorted(unused)]
    return found


def missing(packages: Iterable[Package], wanted: Iterable[locks.Locked]) -> list[str]:
    """Say which locked packages are not installed, so that their licence is unknown."""
    here = {package.name for package in packages}
    return [f"{one.name} is locked and not installed: make setup." for one in wanted if one.name not in here]


def notices(packages: Iterable[Package]) -> str:
    """Write what licences ask to hand on with the archive: names, terms and texts of its packages."""
    parts = ["Packages of others in this archive, their licences and notices. Written by `make licences`."]
    for package in packages:
        heading = (f"{package.name} {package.version}", package.licence, package.url or "(no address)")
        parts.append("\n".join(("=" * 80, *heading, "", package.text or "(The package carries no text.)")))
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Check and say so; write the notices where a path is given. 1 if something may not stay."""
    runtime = [one for one in locks.read(locks.RUNTIME) if one.wanted_here]
    names = frozenset(one.name for one in runtime)
    packages = installed()
    wrong = missing(packages, runtime) + faults(packages, names, allowed())
    for fault in wrong:
        print(fault, file=sys.stderr)
    if wrong:
        return 1
    print(f"Licences: {len(packages)} packages, {len(names)} of them in the archive, all allowed.")
    for path in map(Path, arguments):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notices(one for one in packages if one.name in names), encoding="utf-8")
        print(f"Their notices are in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
