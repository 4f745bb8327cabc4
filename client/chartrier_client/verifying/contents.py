"""Packages and what proves them: records, receipts, seals."""

from typing import Final

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.ledger import Evidence
from chartrier_client.verifying.packages import METS, Package, read_aip, read_dip
from chartrier_client.verifying.recognising import Item
from chartrier_client.verifying.records import Proven
from chartrier_client.verifying.stages import Case, prove

_FILES: Final = "representations/"


def take_aip(case: Case, item: Item) -> None:
    """Read an AIP, and compare it with all that was said of it. Raises `Malformed` and `OSError`."""
    about = case.about(item)
    package = read_aip(item.path, case.ledger.algorithms, about)
    said = _by_records(case, package, about) + _by_receipts(case, package, item, about)
    if not said + _by_seals(case, package, about):
        about.could_not("package.proof", "nothing_proves", package.identifier)


def _by_records(case: Case, package: Package, about: Subject) -> int:
    """Judge the records of this version, then those that prove what is left of the versions before."""
    found = case.ledger.proving(parts[METS] for parts in package.digests.values() if METS in parts)
    count = prove(case, about.target, found, Proven(package.digests))
    if package.version > 1:
        left = (
            value for parts in package.digests.values() for name, value in parts.items() if name.startswith(_FILES)
        )
        before = [each for each in case.ledger.proving(left) if each not in found]
        for each in _closest(before, package):
            # What was written anew since is for the record of this version to prove, where that is here.
            held = _held(package, each) if count else package.digests
            count += prove(case, about.target, [each], Proven(held, strict=False))
    elif not count:
        named = [each for each in case.ledger.records if each.named]
        count = prove(case, about.target, named, Proven(package.digests))
    return count


def _held(package: Package, evidence: Evidence) -> dict[str, dict[str, bytes]]:
    """Return the digests of the files that a record holds."""
    members = evidence.record.members
    names = {name for parts in package.digests.values() for name, value in parts.items() if value in members}
    return {
        algorithm: {name: value for name, value in parts.items() if name in names}
        for algorithm, parts in package.digests.items()
    }


def _closest(found: list[Evidence], package: Package) -> list[Evidence]:
    """Return the records that hold most of a package: files that many packages share make no record its own."""
    digests = {value for parts in package.digests.values() for value in parts.values()}
    shared = {id(each): len(each.record.members & digests) for each in found}
    most = max(shared.values(), default=0)
    return [each for each in found if shared[id(each)] == most]


def _by_receipts(case: Case, package: Package, item: Item, about: Subject) -> int:
    count = 0
    for receipt, its in case.ledger.receipts.get(package.identifier, ()):
        if receipt["version"] != package.version:
            its.remark("receipt_of_another_version", version=receipt["version"], found=package.version)
            continue
        count += 1
        counted = f"{package.members} {package.group}"
        if its.same("receipt.group", counted, f"{receipt['members']} {receipt['group']}") and (
            receipt["aip_size"] != item.path.stat().st_size
        ):
            about.remark("repacked", receipt=its.target)
    return count


def _by_seals(case: Case, package: Package, about: Subject) -> int:
    deposit = case.ledger.deposits.get((package.identifier, package.version))
    if deposit is None:
        return 0
    counted = f"{package.members} {package.group}"
    about.same("package.sealed", counted, f"{deposit.members} {deposit.leaf}")
    return 1


def take_dip(case: Case, item: Item) -> None:
    """Read a DIP, and judge the records that prove files in it. Raises `Malformed` and `OSError`."""
    about = case.about(item)
    package = read_dip(item.path, case.ledger.algorithms, about)
    proven = 0
    for aip in sorted({path.split("/")[1] for path in package.digests["sha512"] if path.count("/") > 1}):
        own = {
            name: {path: value for path, value in parts.items() if path.startswith(f"content/{aip}/")}
            for name, parts in package.digests.items()
        }
        found = case.ledger.proving(value for parts in own.values() for value in parts.values())
        part = Package(aip, digests=own)
        proven += prove(case, f"{about.target} {aip}", _closest(found, part), Proven(own, strict=False))
    if not proven:
        about.could_not("package.proof", "nothing_proves", package.identifier)
