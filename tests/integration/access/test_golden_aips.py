"""Packages of every release are read, verified, catalogued and served by this one (tests/builders/kept_aips.py)."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.storage.pipeline.package_check import check_package
from shared.checksums import Measure, sha512_of
from shared.identity.rights import Role
from shared.messages.storage import AipStoredV1, ReceiptV1
from tests.builders.catalogues import STORED_AT, Catalogue
from tests.builders.kept_aips import RELEASES, SAMPLES, built
from tests.integration.access.conftest import House

pytestmark = pytest.mark.integration

PACKAGES = sorted(RELEASES.glob("*/*.tar"))


def kept(package: Path) -> tuple[bytes, dict[str, Any]]:
    return package.read_bytes(), json.loads(package.with_suffix(".json").read_bytes())


def stored(facts: dict[str, Any], content: bytes) -> Catalogue:
    receipt = ReceiptV1(
        site="a", place="Rennes", key="k", version_id=None, sha512=facts["sha512"], verified_at=STORED_AT
    )
    told = {name: facts[name] for name in ("aip_id", "transfer_id", "establishment", "version", "sha512", "size")}
    message = AipStoredV1.model_validate({**told, "receipts": (receipt,), "catalogue": facts["catalogue"]})
    start = message.catalogue.offset
    return Catalogue(message, content[start : start + message.catalogue.length])


def objects_in(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    lines = (json.loads(line) for line in catalogue.content.splitlines())
    return (line for line in lines if line["type"] == "object" and line["path"] is not None)


def files_in(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def test_every_kind_of_package_was_kept_of_each_release() -> None:
    assert {path.parent for path in PACKAGES} == {path for path in RELEASES.iterdir() if path.is_dir()}
    assert {path.stem for path in PACKAGES} >= SAMPLES.keys()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_kept_package_is_whole_catalogued_and_served(package: Path, house: House) -> None:
    content, facts = kept(package)

    found = check_package(io.BytesIO(content), facts["aip_id"])
    catalogue = stored(facts, content)
    await house.keep(catalogue, content)

    assert (found.measure, found.faults) == (Measure(facts["sha512"], facts["size"]), ())
    files = files_in(content)
    async with house.seen_by(Role.READER, UUID(facts["establishment"])) as reader:
        units = (await reader.get("/access/v1/units", params={"limit": 200})).json()["items"]
        for line in objects_in(catalogue):
            given = await reader.get(f"/access/v1/objects/{line['id']}/content")
            assert (given.status_code, sha512_of(given.content)) == (200, line["sha512"])
            assert given.content == files[f"{facts['aip_id']}/{line['path']}"]
    assert sum(unit["aip_id"] == facts["aip_id"] for unit in units) == facts["units"]


def test_a_package_that_is_built_today_is_as_those_that_were_kept() -> None:
    """The builders of the samples still work: the next release keeps its own."""
    package, facts = built("seda-2.1", SAMPLES["seda-2.1"])

    assert sha512_of(package) == facts["sha512"]
    assert check_package(io.BytesIO(package), facts["aip_id"]).faults == ()
