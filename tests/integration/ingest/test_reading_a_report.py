"""The report and the catalogue over HTTP: for people unless data is asked for, and for those who may see them."""

from uuid import UUID

import httpx
import pytest

from shared.identifiers import new_id
from shared.identity.rights import Role
from tests.builders.callers import BASE, a_token
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_the_door import PLACE, an_app

pytestmark = pytest.mark.integration


async def read(bench: Bench, path: str, establishment: UUID | None = None, **headers: str) -> httpx.Response:
    if establishment is not None:
        headers["Authorization"] = f"Bearer {a_token(Role.DEPOSITOR, establishment)}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(bench)), base_url=BASE) as http:
        return await http.get(path, headers=headers)


async def test_an_unreadable_package_has_a_report_in_the_readers_language(bench: Bench) -> None:
    deposited = await bench.deposit(b"neither ZIP nor TAR")
    await bench.process()
    here = f"{PLACE}/{deposited.id}/report"

    french = await read(bench, here, deposited.establishment)
    english = await read(bench, here, deposited.establishment, **{"Accept-Language": "en-GB"})

    assert french.headers["content-type"] == "text/html; charset=utf-8"
    assert "Versement refusé" in french.text
    assert "Le fichier reçu n’est ni un ZIP" in french.text
    assert "Déposez le paquet lui-même" in french.text
    assert (english.headers["content-language"], '<html lang="en">' in english.text) == ("en", True)
    assert "Send the package itself" in english.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
    ],
)
async def test_programs_that_ask_for_data_have_the_same_findings(bench: Bench, accept: str, kind: str) -> None:
    deposited = await bench.deposit(b"neither ZIP nor TAR")
    await bench.process()

    answer = await read(bench, f"{PLACE}/{deposited.id}/report", deposited.establishment, Accept=accept)

    assert answer.headers["content-type"].startswith(kind)
    assert "CONTAINER_NOT_AN_ARCHIVE" in answer.text


async def test_a_report_is_for_those_who_may_read_the_transfer(bench: Bench) -> None:
    deposited = await bench.deposit()

    assert (await read(bench, f"{PLACE}/{deposited.id}/report", new_id())).status_code == 404
    assert (await read(bench, f"{PLACE}/{deposited.id}/report")).status_code == 401


async def test_the_help_of_a_finding_can_be_read_by_anyone(bench: Bench) -> None:
    deposited = await bench.deposit(b"neither ZIP nor TAR")
    await bench.process()
    shown = (await read(bench, f"{PLACE}/{deposited.id}", deposited.establishment)).json()

    page = await read(bench, shown["findings"][0]["help"])

    assert page.status_code == 200
    assert 'id="CONTAINER_NOT_AN_ARCHIVE"' in page.text
