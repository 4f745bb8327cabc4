"""A profile from its upload to the sites, through rooms that only know of each other what they tell."""

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chartrier_client.administration import Mandate, create_client
from tests.builders.profiles import relaxng
from tests.builders.sips import AFile, ASip, AUnit, a_sip
from tests.e2e.conftest import AllInOne
from trials.levers import until
from trials.towns import Archive, Town, a_town

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def archive(all_in_one: AllInOne) -> Archive:
    """One way to run the archive: what profiles ask of rooms is the same in both."""
    return all_in_one.archive


def approver(archive: Archive, town: Town) -> str:
    """Return the token of the control authority, which has uploaded nothing."""
    with archive.administrator() as admin:
        made = create_client(admin, "archives départementales", [Mandate(town.establishment, ("control_authority",))])
    return archive.token(made.client_id, made.client_secret)


def listed(archive: Archive, town: Town, identifier: str) -> tuple[str, dict[str, Any]]:
    """Have the town's agreement require a profile, and return where its version is, and what is known of it."""
    with archive.http(archive.admin_token()) as http:
        new = {"identifier": identifier, "name": "Une pièce", "establishment": town.establishment}
        made = http.post("/admin/v1/profiles", json=new).raise_for_status().json()
        versions = f"/admin/v1/profiles/{made['id']}/versions"
        http.post(versions, params={"kind": "relaxng"}, content=relaxng()).raise_for_status()
        with archive.http(approver(archive, town)) as control:
            approved = control.post(f"{versions}/1/approve", json={"declared": "AD/12"}).raise_for_status().json()
        terms = {"profiles": [{"profile": identifier, "version": 1}], "profile_required": True}
        http.patch(f"/admin/v1/agreements/{town.agreement}", json=terms).raise_for_status()
    return f"{versions}/1", approved


def test_a_profile_judges_is_kept_on_every_site_and_judges_no_more(
    archive: Archive, all_in_one: AllInOne, tmp_path: Path
) -> None:
    town, identifier = a_town(archive), f"PIECE-{uuid4().hex[:8]}"
    version, approved = listed(archive, town, identifier)

    def sip(*units: AUnit, named: str | None = identifier) -> Path:
        files = (AFile("piece.txt", uuid4().hex.encode()),)
        return a_sip(tmp_path / f"{uuid4()}.zip", ASip(files, units, archival_profile=named))

    one = AUnit("Pièce", files=(0,))
    with town.client() as client:

        def codes(package: Path) -> set[str]:
            transfer = client.wait(client.deposit(package, town.agreement), 120)
            return {transfer.state, *(each.code for each in transfer.findings if each.code.startswith("PROFILE"))}

        # The agreement reaches ingest by message: until then nothing is asked.
        until(lambda: codes(sip(one, named=None)) == {"rejected", "PROFILE_MISSING"})
        assert codes(sip(one)) == {"accepted"}
        assert codes(sip(AUnit("Dossier", "RecordGrp", units=(one,)))) == {"rejected", "PROFILE_INVALID"}

        with archive.http(approver(archive, town)) as control:
            control.post(f"{version}/withdraw", json={"reason": "remplacé"}).raise_for_status()
        until(lambda: codes(sip(one)) == {"rejected", "PROFILE_WITHDRAWN"})

    for site in ("site-a", "site-b"):
        records = all_in_one.home / "all-in-one" / site / town.establishment / "records" / "profile" / approved["id"]
        until(partial(both_there, records))
        record = json.loads((records / "1.json").read_bytes())
        assert base64.b64decode(record["content"]).decode() == relaxng()
        assert record["fact"]["reference"]["sha512"] == approved["sha512"]
        assert json.loads((records / "2.json").read_bytes())["fact"]["state"] == "withdrawn"


def both_there(records: Path) -> bool:
    return {"1.json", "2.json"} <= {each.name for each in records.glob("*.json")}
