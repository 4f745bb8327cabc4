"""What a room answers is what its OpenAPI says, whatever is asked: Schemathesis draws the requests."""

import pytest

from shared.rooms import ROOMS
from tests.e2e.conftest import AllInOne
from tests.fuzzing.by_schema import (
    OF_THE_PLATFORM,
    ROOMS_OF_THE_PLATFORM,
    Caller,
    Effort,
    Seen,
    ask,
    of_platform,
    of_town,
)
from trials.belongings import Belongings, belongings
from trials.towns import Archive

pytestmark = pytest.mark.e2e

# The trial `schemas` has more. Here what has the most fields is left to chance alone, and so are organisations, whose
# code is that of establishments: together they would take a third of the time.
LEFT_TO_CHANCE = (
    "GET /admin/v1/organisations",
    "POST /admin/v1/agreements",
    "PATCH /admin/v1/agreements/{reference}",
    "POST /admin/v1/organisations",
    "PATCH /admin/v1/organisations/{reference}",
)
FEW = Effort(examples=3, seed=20261126, uncovered=LEFT_TO_CHANCE)


@pytest.fixture(scope="module")
def archive(all_in_one: AllInOne) -> Archive:
    """One way to run the archive: the code behind each route is the same in both."""
    return all_in_one.archive


@pytest.fixture(scope="module")
def mine(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Belongings:
    return belongings(archive, tmp_path_factory.mktemp("mine"))


def told(seen: Seen) -> str:
    return "\n\n".join(f"{what}\n{command}" for what, command in seen.amiss.items())


# Operations that must have been reached, not only refused: that of a room that has most behind it.
REACHED = {
    "admin": "PATCH /admin/v1/agreements/{reference}",
    "ingest": "GET /ingest/v1/transfers/{transfer_id}/report",
    "storage": "GET /storage/v1/aips/{aip_id}/copies",
    "data_management": "GET /data_management/v1/units/{unit_id}/branch",
    "access": "GET /access/v1/objects/{object_id}/content",
    "proof": "GET /proof/v1/journals/{journal}/verification",
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_answers_as_it_says(archive: Archive, mine: Belongings, room: str) -> None:
    seen = ask(archive, room, of_town(mine), FEW)

    assert not seen.amiss, told(seen)
    assert seen.statuses(REACHED[room]) & {200, 412}
    assert seen.operations.isdisjoint(OF_THE_PLATFORM)


@pytest.mark.parametrize("room", ROOMS_OF_THE_PLATFORM)
def test_a_room_answers_as_it_says_of_the_platform(archive: Archive, room: str) -> None:
    seen = ask(archive, room, of_platform(archive), FEW, of_the_platform=True)

    assert not seen.amiss, told(seen)
    assert {status for _, status in seen.answers} & {200, 201}
    assert seen.operations == {name for name in OF_THE_PLATFORM if f" /{room}/" in name}


@pytest.mark.parametrize("room", ROOMS)
def test_without_a_token_it_answers_nothing_that_it_does_not_call_public(archive: Archive, room: str) -> None:
    with archive.http(None) as http:
        paths = http.get(f"/{room}/openapi.json").json()["paths"]
    public = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if not operation["security"]
    }

    seen = ask(archive, room, Caller(), Effort(examples=1, seed=FEW.seed, phases=("fuzzing",)))

    assert not seen.amiss, told(seen)
    assert {status for operation, status in seen.answers if operation not in public} == {401}
