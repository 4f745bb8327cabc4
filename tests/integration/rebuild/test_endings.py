"""An AIP that waited for a site when its room was cut off: nobody may say that it was stored."""

import pytest

from bench.kept_sites import KeptSite
from shared.checksums import sha512_of
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def half_stored() -> tuple[KeptSite, str]:
    """An AIP of which one site has given back its copy, and the other was away."""
    site = KeptSite(seed="half")
    site.found()
    key = site.begin()
    site.close()
    return site, key


async def test_a_room_goes_on_with_what_waits_for_a_site(ruins: Ruins) -> None:
    site, key = half_stored()
    ruins.lay(site)
    aip, content = site.id("aip 1"), site.objects[key]
    await ruins.databases.as_superuser(
        """INSERT INTO storage.holding (id, version, kind, establishment, key, sha512, size, state, facts)
           VALUES ($1, 1, 'aip', $2, $3, $4, $5, 'storing', '{}')""",
        aip,
        site.establishment,
        key,
        sha512_of(content),
        len(content),
    )
    await ruins.databases.as_superuser(
        """INSERT INTO storage.copy (holding, version, site, state)
           VALUES ($1, 1, 'a', 'verified'), ($1, 1, 'b', 'to_write')""",
        aip,
    )

    report = await ruins.rebuild()

    assert report.findings == []
    (held,) = await ruins.rows("SELECT state FROM storage.holding WHERE id = $1", aip)
    copies = await ruins.rows("SELECT site, state FROM storage.copy WHERE holding = $1 ORDER BY site", aip)
    assert held["state"] == "storing"
    assert [(one["site"], one["state"]) for one in copies] == [("a", "verified"), ("b", "to_write")]
    assert await ruins.rows("SELECT 1 FROM ingest.transfer") == []


async def test_where_no_room_is_left_to_go_on_it_comes_back_and_is_named(ruins: Ruins) -> None:
    site, key = half_stored()
    ruins.lay(site)
    await ruins.databases.as_superuser(
        "INSERT INTO storage.site (name, state) VALUES ('a', 'active'), ('b', 'active')"
    )

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("not_stored", key)]
    copies = await ruins.rows("SELECT site FROM storage.copy WHERE holding = $1", site.id("aip 1"))
    # Of the other site no line tells: that it has the AIP is for filling to find.
    assert [one["site"] for one in copies] == ["a"]
    sites = await ruins.rows("SELECT name, state FROM storage.site ORDER BY name")
    assert [(one["name"], one["state"]) for one in sites] == [("a", "active"), ("b", "filling")]
    assert [one["key"] for one in await ruins.rows("SELECT key FROM storage.work WHERE kind = 'fill'")] == ["b"]
