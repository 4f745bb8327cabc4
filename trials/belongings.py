"""All that one town has in an archive, with ids to ask by."""

from dataclasses import dataclass
from pathlib import Path

from chartrier_client.administration import Mandate, create_client
from shared.identity.rights import Role
from trials.levers import Amiss
from trials.towns import Archive, Town, a_package, a_town
from trials.uploading import PLACE, metadata

PROFILE = """<element name="ArchiveTransfer" ns="fr:gouv:culture:archivesdefrance:seda:v2.1"
  xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>"""
"""An archival profile that is one, and fits no transfer."""


@dataclass(frozen=True)
class Belongings:
    """A town with an accepted transfer, an archival profile, and one client that holds every role there."""

    town: Town
    every_role: str
    client: str
    ids: dict[str, str]

    def named(self) -> set[str]:
        """Return what another town must never read."""
        return {self.town.establishment, self.town.agreement, self.town.agreement_identifier, *self.ids.values()}


def belongings(archive: Archive, folder: Path) -> Belongings:
    """Found a town, deposit one small package, order a unit of it, begin an upload, and make two clients."""
    town = a_town(archive)
    with archive.administrator() as admin:
        all_roles = create_client(admin, "tous les rôles", [Mandate(town.establishment, tuple(Role))])
        other = create_client(admin, "à désactiver", [Mandate(town.establishment, ("depositor",))])
    with town.client() as client:
        transfer = client.wait(client.deposit(a_package(folder / "sip.zip"), town.agreement), 120)
        if transfer.state != "accepted":
            raise Amiss(f"{transfer.state}: {transfer.findings}")
        [unit] = [unit for unit in client.search(transfer=transfer.id) if unit.objects]
        dip = client.wait_dip(client.order_dip([unit.id]), 60)
    with archive.http(archive.admin_token()) as http:
        # By another client than the one of every role, who may so approve it.
        profile = {
            "identifier": f"PROFIL-{town.establishment}",
            "name": "Profil",
            "establishment": town.establishment,
        }
        profile_id = http.post("/admin/v1/profiles", json=profile).raise_for_status().json()["id"]
        versions = f"/admin/v1/profiles/{profile_id}/versions"
        http.post(versions, params={"kind": "relaxng"}, content=PROFILE).raise_for_status()
    ids = {
        "profile_id": profile_id,
        "transfer_id": transfer.id,
        "unit_id": unit.id,
        "object_id": unit.objects[0].id,
        "dip_id": dip.id,
        "aip_id": str(transfer.aip_id),
        "journal": f"archives.{town.establishment}",
        "client_id": other.client_id,
    }
    token = archive.token(all_roles.client_id, all_roles.client_secret)
    ids["upload_id"] = _upload(archive, token, town)
    ids |= _webhook(archive, token, town)
    ids["run_id"] = _sample(archive, token, town)
    return Belongings(town, token, all_roles.client_id, ids)


def _upload(archive: Archive, token: str, town: Town) -> str:
    """Begin an upload of more bytes than ever come."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000000", "Upload-Metadata": metadata(town)}
    with archive.http(token) as http:
        return http.post(PLACE, headers=headers).raise_for_status().headers["location"].rpartition("/")[2]


def _sample(archive: Archive, token: str, town: Town) -> str:
    """Have a copy of the town's read now."""
    with archive.http(token) as http:
        wanted = {"count": 1, "establishment": town.establishment}
        sample: str = http.post("/storage/v1/audits/samples", json=wanted).raise_for_status().json()["id"]
    return sample


def _webhook(archive: Archive, token: str, town: Town) -> dict[str, str]:
    """Make webhooks to where nobody listens, one with a delivery."""
    terms = {
        "url": "https://receiver.invalid/hook",
        "events": ["transfer.accepted"],
        "establishments": [town.establishment],
    }
    with archive.http(token) as http:
        # Two: whoever asks for everything removes the one that he knows.
        http.post("/admin/v1/webhooks", json=terms).raise_for_status()
        webhook = http.post("/admin/v1/webhooks", json=terms).raise_for_status().json()
        delivery = http.post(f"/admin/v1/webhooks/{webhook['id']}/test").raise_for_status().json()
    return {"webhook_id": webhook["id"], "delivery_id": delivery["id"]}
