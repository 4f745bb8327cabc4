"""What the sites beside the one that is read have to say: nothing where they are empty, and that they are away."""

import shutil

import pytest

from bench.kept_sites import KeptSite
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def write_log(kept: KeptSite) -> list[str]:
    return sorted(key for key in kept.objects if key.startswith("platform/journals/writes/"))


async def test_a_site_on_which_nothing_lies_answers_for_nothing(ruins: Ruins, kept: KeptSite) -> None:
    other = ruins.folders[1]
    for area in {key.partition("/")[0] for key in kept.objects}:
        shutil.rmtree(other / area)
    heard: list[str] = []

    report = await ruins.rebuild(say=heard.append)

    # They left at one time: no line tells of any of them.
    assert [(one.code, one.place) for one in report.findings] == [
        ("site_empty", "b"),
        *(("end_believed", key) for key in write_log(kept)),
    ]
    counts = await ruins.counts()
    assert (counts["data_management.unit"], counts["ingest.transfer"]) == (3006, 5)
    assert any("may be started" in one for one in heard)


async def test_of_a_site_that_is_away_it_is_said_what_hangs_on_it(ruins: Ruins, kept: KeptSite) -> None:
    shutil.rmtree(ruins.folders[1])
    heard: list[str] = []

    report = await ruins.rebuild(say=heard.append)

    (away,) = [one for one in report.findings if one.code == "site_away"]
    assert "run again once it answers" in away.said
    assert ("without_line", write_log(kept)[-1]) in {(one.code, one.place) for one in report.findings}
    assert not any("may be started" in one for one in heard)


async def test_a_trial_names_what_the_database_has_otherwise(ruins: Ruins, kept: KeptSite) -> None:
    await ruins.rebuild()
    first, second, *_ = sorted(key for key in kept.objects if key.endswith(".tar"))
    await ruins.databases.as_superuser("UPDATE storage.holding SET sha512 = 'other' WHERE key = $1", first)
    await ruins.databases.as_superuser("UPDATE storage.holding SET key = 'elsewhere' WHERE key = $1", second)
    await ruins.databases.as_superuser("DELETE FROM data_management.aip")
    before = await ruins.content()

    report = await ruins.rebuild(dry=True)

    assert {(one.code, one.place) for one in report.findings} == {
        ("holding_differs", first),
        ("holding_differs", second),
    }
    assert await ruins.content() == before
