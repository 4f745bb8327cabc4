"""What an audit comes to: a known fault fails; a source out of reach passes, and is never called a clean bill."""

import json
from typing import Any

import pytest

from supply.audit import judge

SOUND = {"name": "yarl", "version": "1.25.1", "vulns": []}
FAULTY = {
    "name": "lxml",
    "version": "6.1.0",
    "vulns": [
        {"id": "PYSEC-2026-7", "aliases": ["CVE-2026-1"], "fix_versions": ["6.1.3", "6.2"], "description": "…"}
    ],
}
UNMENDED = {"name": "h11", "version": "0.16", "vulns": [{"id": "GHSA-1", "aliases": [], "fix_versions": []}]}
SKIPPED = {"name": "uvloop", "skip_reason": "Dependency not found on PyPI and could not be audited: uvloop (0.23.0)"}

OFFLINE = """Traceback (most recent call last):
  File "urllib3/connection.py", line 204, in _new_conn
urllib3.exceptions.NameResolutionError: Failed to resolve 'pypi.org'
During handling of the above exception, another exception occurred:
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded
"""


def said(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_no_known_fault_is_said_with_the_number_of_packages() -> None:
    assert judge(said(SOUND), "") == judge(said(SOUND), "No known vulnerabilities found")
    assert judge(said(SOUND, SOUND), "").lines == ("Audited: 2 packages, no known fault.",)
    assert judge(said(SOUND), "").status == 0


def test_a_known_fault_fails_and_says_what_mends_it() -> None:
    verdict = judge(said(SOUND, FAULTY, UNMENDED), "Found 2 known vulnerabilities in 2 packages")

    assert verdict.status == 1
    assert verdict.lines[:2] == (
        "lxml 6.1.0: PYSEC-2026-7 CVE-2026-1; mended in 6.1.3, 6.2.",
        "h11 0.16: GHSA-1; mended in no version yet.",
    )


def test_a_known_fault_fails_even_where_the_source_knows_little_else() -> None:
    assert judge(said(SKIPPED, FAULTY), "").status == 1


def test_a_source_out_of_reach_passes_with_that_reason() -> None:
    verdict = judge("", OFFLINE)

    assert verdict.status == 0
    (line,) = verdict.lines
    assert line.startswith("Not audited: the source of advisories could not be reached (requests")


@pytest.mark.parametrize(
    "complaint",
    [
        "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='pypi.org', port=443): Read timed out.",
        "pip_audit._service.interface.ConnectionError: Could not connect to PyPI's vulnerability feed",
        "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://pypi.org/pypi/yarl",
    ],
)
def test_so_does_one_that_does_not_answer_or_is_ill(complaint: str) -> None:
    assert judge("", complaint).status == 0


def test_a_mirror_that_knows_nothing_is_no_clean_bill() -> None:
    verdict = judge(said(SKIPPED, SKIPPED), "No known vulnerabilities found")

    assert verdict.status == 0
    assert verdict.lines == ("Not audited: the source answers but knows none of the packages (a partial mirror?).",)


def test_a_package_that_the_source_lost_fails() -> None:
    verdict = judge(said(SOUND, SKIPPED), "")

    assert (verdict.status, verdict.lines) == (1, ("Unknown to the source, or withdrawn from it: uvloop.",))


@pytest.mark.parametrize("complaint", ["ERROR: requirement yarl has no hash", ""])
def test_a_tool_that_fails_fails(complaint: str) -> None:
    verdict = judge("", complaint)

    assert verdict.status == 1
    assert verdict.lines[0].startswith("pip-audit failed: ")
