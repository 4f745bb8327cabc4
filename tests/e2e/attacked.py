"""An archive to be attacked: its sites as copies, its database as a superuser has it, and what a verifier says."""

import asyncio
import io
import json
import shutil
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from chartrier_client.verifying.checks import Check, Outcome, Report
from chartrier_client.verifying.verify import Asked, verify
from services.__main__ import main
from services.local import postgres
from services.local.settings import as_if_told
from shared.clock import now
from shared.rooms import ROOMS
from tests.e2e.conftest import AllInOne
from tests.e2e.contents import address
from trials.levers import until

HEADS = " UNION ALL ".join(f"SELECT sender, batch FROM {room}.journal_head" for room in ROOMS)  # noqa: S608
TOLD = f"""SELECT count(*) FROM ({HEADS}) AS told LEFT JOIN proof.sender ON name = told.sender
           WHERE proof.sender.batch IS DISTINCT FROM told.batch"""  # noqa: S608
AWAITED = """SELECT (SELECT count(*) FROM storage.holding WHERE state <> 'stored')
                  + (SELECT count(*) FROM proof.container WHERE stored_at IS NULL)
                  + (SELECT count(*) FROM proof.package_group WHERE leaf IS NULL)"""
PROVEN = """SELECT count(*) FROM proof.seal JOIN proof.filed ON filed.kind = 'seal' AND filed.number = seal.number
            WHERE filed.stored_at IS NOT NULL"""
LEAVING = "SELECT count(*) FROM proof.filed WHERE stored_at IS NULL"


class Target:
    """A running archive, and whoever attacks it."""

    def __init__(self, own: AllInOne) -> None:
        self.own = own
        self.state = own.home / "all-in-one"
        self.roots = own.home / "roots.pem"

    def command(self, *words: str) -> Any:  # noqa: ANN401 (JSON is what it is)
        """Give a command in this process."""
        said = io.StringIO()
        told = {"CHARTRIER_HOME": str(self.own.home), "CHARTRIER_PORT": str(self.own.port)}
        with as_if_told(told), redirect_stdout(said), redirect_stderr(io.StringIO()):
            assert main([*words, "--json"]) == 0
        return json.loads(said.getvalue())

    def as_superuser(self, act: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Do something to the database, in one transaction, while nobody writes journals."""
        return asyncio.run(self._as_superuser(act))

    async def _as_superuser(self, act: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:  # noqa: ANN401
        server = postgres.running(self.state / "postgres")
        assert server is not None
        connection = await asyncpg.connect(address(server))
        try:
            async with connection.transaction():
                return await act(connection)
        finally:
            await connection.close()

    def count(self, question: str) -> int:
        """Ask the database for a number."""
        return int(self.as_superuser(lambda connection: connection.fetchval(question)))

    def rest(self) -> None:
        """Wait until every line is told and everything lies on every site."""
        until(lambda: self.count(TOLD) == 0)
        until(lambda: self.count(AWAITED) == 0)

    def close(self) -> None:
        """Have all lines leave for the sites."""
        self.rest()
        self.command("journals", "close")
        self.rest()

    def seal(self) -> None:
        """Have an anchor and a seal made over all there is, and wait for both on every site."""
        self.rest()
        seals = self.count(PROVEN)
        self.command("seals", "make")
        until(lambda: self.count(PROVEN) > seals and self.count(LEAVING) == 0)

    def copy(self, folder: Path) -> Path:
        """Return a copy of what a site has of archives and proofs, as an auditor would be given it."""
        shutil.copytree(self.state / "site-a", folder, ignore=lambda _, names: [n for n in names if n[0] == "."])
        return folder

    def trust(self) -> None:
        """Note the roots of the archive's key and of its time-stamper."""
        certificates = []
        for file in sorted((self.state / "proof-keys").glob("*.p12")):
            _, own, above = pkcs12.load_key_and_certificates(file.read_bytes(), None)
            certificates.append(above[-1] if above else own)
        self.roots.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates if one))

    def verify(self, *paths: Path, evidence: tuple[Path, ...] = ()) -> Report:
        """Verify offline, as `chartrier verify` does."""
        return verify(Asked(list(paths), now() + timedelta(seconds=10), [self.roots], list(evidence)))


def failed(report: Report) -> list[Check]:
    """Return what was found to be wrong."""
    return [check for check in report.checks if check.outcome is Outcome.FAILED]


def faults(report: Report) -> set[tuple[str, str]]:
    """Return what was found to be wrong, and why."""
    return {(check.what, check.reason) for check in failed(report)}
