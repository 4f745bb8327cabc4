"""The bill of materials names all of the lock, with its digests, and is the same each time."""

import json
from pathlib import Path

from supply import locks, sbom


def test_the_bill_names_every_locked_package_with_its_digests(tmp_path: Path) -> None:
    target = tmp_path / "dist" / "sbom.json"

    sbom.write(target)

    bill = json.loads(target.read_bytes())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "chartrier")
    named = {
        (part["name"], part["version"]): {
            f"sha256:{digest['content']}" for place in part["externalReferences"] for digest in place["hashes"]
        }
        for part in bill["components"]
    }
    assert named == {(one.name, one.version): set(one.hashes) for one in locks.read(locks.RUNTIME)}
    assert "timestamp" not in bill["metadata"]
