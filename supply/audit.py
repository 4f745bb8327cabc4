"""Known faults in the packages of the locks, as `pip-audit` finds them in the advisories of the Python index.

A source that cannot be reached is no fault of ours: it is said, and passes. Nor is it a clean bill: where a mirror
answers without knowing the packages, pip-audit itself calls that "no known vulnerabilities"; here it is not.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from supply import locks

# How requests, urllib3 and pip-audit name a source that is not there, does not answer, or is broken itself.
_OUT_OF_REACH = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "SSLError",
    "NameResolutionError",
    "MaxRetryError",
    "503 Server Error",
    "502 Server Error",
    "504 Server Error",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit comes to: 0 to go on, 1 to act on the lines."""

    status: int
    lines: tuple[str, ...]


def judge(told: str, complaint: str) -> Verdict:
    """Judge pip-audit's JSON; without any (`told` is empty), what it wrote on its standard error."""
    try:
        packages: list[Mapping[str, Any]] = json.loads(told)["dependencies"]
    except ValueError:
        return _without_answer(complaint)
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    known_faults = tuple(line for package in packages for line in _faults(package))
    if known_faults:
        return Verdict(1, (*known_faults, "CONTRIBUTING.md, “an advisory”, says what to do."))
    if len(unknown) == len(packages):
        return Verdict(0, ("Not audited: the source answers but knows none of the packages (a partial mirror?).",))
    if unknown:
        return Verdict(1, (f"Unknown to the source, or withdrawn from it: {', '.join(unknown)}.",))
    return Verdict(0, (f"Audited: {len(packages)} packages, no known fault.",))


def _without_answer(complaint: str) -> Verdict:
    last = (complaint.strip().splitlines() or ["it said nothing"])[-1][:300]
    if any(sign in complaint for sign in _OUT_OF_REACH):
        return Verdict(0, (f"Not audited: the source of advisories could not be reached ({last}).",))
    return Verdict(1, (f"pip-audit failed: {last}",))


def _faults(package: Mapping[str, Any]) -> list[str]:
    """One line for each advisory: the package, the advisory with its other names, the versions that mend it."""
    return [
        f"{package['name']} {package['version']}: {' '.join((fault['id'], *fault['aliases']))};"
        f" mended in {', '.join(fault['fix_versions']) or 'no version yet'}."
        for fault in package.get("vulns", ())
    ]


def main() -> int:
    """Audit all that a contributor installs; the archive's packages are among them."""
    options = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
    command = (sys.executable, "-m", "pip_audit", "--requirement", str(locks.WITH_TOOLS), *options)
    answer = subprocess.run(command, capture_output=True, check=False, text=True)
    verdict = judge(answer.stdout, answer.stderr)
    print("\n".join(verdict.lines), file=sys.stderr if verdict.status else sys.stdout)
    return verdict.status


if __name__ == "__main__":
    sys.exit(main())
