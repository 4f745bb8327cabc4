"""Who reads bytes of a package from storage itself, and who may not, have a line of it (PRV-13)."""

from uuid import uuid4

import pytest

from shared.identity.rights import Role
from tests.integration.storage.depot import Depot
from tests.integration.storage.test_giving_back import ask

pytestmark = pytest.mark.integration


async def test_who_reads_a_package_and_who_may_not_are_two_lines(depot: Depot) -> None:
    aip = await depot.hand_over(b"0123456789")
    await depot.work_off()
    path = f"{aip.aip_id}/content"

    given = await ask(depot, path, Role.READER, aip.establishment, Range="bytes=2-4")
    foreign = await ask(depot, path, Role.READER, uuid4())
    malformed = await ask(depot, "Le Goff/content", Role.READER, aip.establishment)

    assert [given.status_code, foreign.status_code, malformed.status_code] == [206, 404, 404]
    (read,) = await depot.lines("aip.read")
    assert (read.kind, read.actor, read.object, read.establishment) == (
        "archives",
        "client:tests",
        f"aip:{aip.aip_id}",
        aip.establishment,
    )
    assert read.details == {"version": 1, "sha512": aip.sha512, "first": 2, "length": 3}
    refused = await depot.lines("aip.refused")
    assert [(line.outcome, line.object, line.establishment) for line in refused] == [
        ("ko", f"aip:{aip.aip_id}", None),
        ("ko", "aip:malformed", None),
    ]
