"""Proofs laid out in a folder and verified there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from chartrier_client.verifying.algorithms import Algorithms
from chartrier_client.verifying.checks import Report, Verdict
from chartrier_client.verifying.verify import Asked, verify
from tests.builders import pki

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Desk:
    """Where somebody verifies: a folder, a moment, and a root that they trust unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root.pem"
        self.root.write_bytes(pki.root().pem)

    def lay(self, files: Mapping[str, bytes]) -> list[Path]:
        paths = []
        for name, content in files.items():
            path = self.folder / "given" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            paths.append(path)
        return paths

    def verify(
        self,
        files: Mapping[str, bytes],
        evidence: Mapping[str, bytes] | None = None,
        at: datetime = NOW,
        *,
        trust: Path | None = None,
        trusting: bool = True,
        algorithms: Algorithms | None = None,
    ) -> Report:
        roots = [trust or self.root] if trusting else []
        paths, records = self.lay(files), self.lay(evidence or {})
        return verify(Asked(paths, at, roots, records, algorithms))


def reasons(report: Report) -> set[tuple[str, str]]:
    """Return what did not end well, and why."""
    return {(check.what, check.reason) for check in report.unproven()}


def well(report: Report) -> set[str]:
    """Return what ended well."""
    return {check.what for check in report.checks if not check.reason}


def assert_valid(report: Report) -> None:
    assert (reasons(report), report.verdict) == (set(), Verdict.VALID)


def assert_invalid(report: Report, *expected: tuple[str, str]) -> None:
    assert report.verdict is Verdict.INVALID, reasons(report)
    assert reasons(report) >= set(expected), reasons(report)


def assert_indeterminate(report: Report, *expected: tuple[str, str]) -> None:
    assert report.verdict is Verdict.INDETERMINATE, reasons(report)
    assert reasons(report) >= set(expected), reasons(report)
