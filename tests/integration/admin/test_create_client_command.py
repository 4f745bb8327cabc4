"""The command that makes a client where no first client is made, or for an operator locked out."""

import json
import subprocess
import sys

import pytest

from tests.builders.callers import BASE
from tests.integration.admin.house import SECRET, House
from tests.servers import Databases

pytestmark = pytest.mark.integration


def create_client(databases: Databases, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "CHARTRIER_DATABASE_URL": databases.url("admin"),
        "CHARTRIER_INTERNAL_SECRET": SECRET,
        "CHARTRIER_BASE_URL": BASE,
    }
    command = [sys.executable, "-m", "services.admin", "create-client", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


async def test_it_prints_credentials_that_open_the_archive(house: House, databases: Databases) -> None:
    done = create_client(databases, "--role", "administrator")

    made = json.loads(done.stdout)
    assert made.pop("base_url") == BASE
    assert (await house.ask_token(made)).status_code == 200


async def test_it_can_be_for_one_establishment(house: House, databases: Databases) -> None:
    town = await house.establishment()

    done = create_client(databases, "--role", "reader", "--role", "auditor", "--establishment", town["identifier"])

    client_id = json.loads(done.stdout)["client_id"]
    shown = (await house.root.get(f"/admin/v1/clients/{client_id}")).json()
    assert shown["mandates"] == [{"roles": ["auditor", "reader"], "establishments": [town["id"]]}]


async def test_an_establishment_that_does_not_exist_is_said(databases: Databases) -> None:
    done = create_client(databases, "--role", "reader", "--establishment", "NULLE-PART")

    assert (done.returncode, done.stdout) == (1, "")
    assert "NULLE-PART" in done.stderr
