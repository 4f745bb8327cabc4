"""The story a newcomer watches: a town hall's deposit becomes an archive, is found and taken out again."""

import argparse
import json
import secrets
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from chartrier_client.administration import (
    AgreementTerms,
    Mandate,
    NewClient,
    create_agreement,
    create_client,
    create_establishment,
    publish_rules,
)
from chartrier_client.answers import ArchivedObject, Transfer
from chartrier_client.errors import DigestMismatch, Problem, StillRunning, UnexpectedAnswer, Unreachable
from chartrier_client.http import Client
from chartrier_client.replies import read_reply
from chartrier_client.samples.deposit import DEMO_RULES, DemoDeposit, demo_deposit
from chartrier_client.samples.town_hall import SIRET, TOWN
from chartrier_client.screen import Screen, french_number, never_choke
from chartrier_client.settings import SettingsError, read_client_file

QUESTION = "parcelles tilleuls"
ACCEPTANCE_TIMEOUT = 120.0

STATES = {
    "received": "reçu, mis en attente de contrôle",
    "checking": "contrôles : conteneur, manifeste, empreintes, formats",
    "awaiting_decision": "en attente de la décision de l'archiviste",
    "storing": "écriture et relecture sur chaque site de conservation",
    "cataloguing": "inscription au catalogue",
    "recording": "inscription au journal",
}


class DemoFailed(Exception):
    """The story could not be told to its end; the text says why, in French."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the chapters share: the screen, the archive's address and a folder to work in."""

    screen: Screen
    base_url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the administrator prepared for the depositor."""

    agreement: str
    agreement_name: str
    credentials: NewClient


def run_demo(base_url: str, admin_client_file: Path, out: TextIO = sys.stdout) -> None:
    """Tell the whole story against a running archive; raises `DemoFailed` with a plain sentence.

    Each run prepares an establishment, an agreement and a client of its own. The client's credentials
    are left beside the administrator's, in `demo-client.json`, so that the newcomer can go on.
    """
    screen = Screen(out)
    screen.title("Chartrier, du versement au retrait")
    try:
        known = read_client_file(admin_client_file)
        with (
            tempfile.TemporaryDirectory(prefix="chartrier-demo-") as folder,
            Client(base_url, known.get("client_id", ""), known.get("client_secret", "")) as admin,
        ):
            demo = Demo(screen, base_url, Path(folder))
            prepared = _prepare(demo, admin)
            client_file = admin_client_file.with_name("demo-client.json")
            _keep_credentials(client_file, base_url, prepared.credentials)
            _tell(demo, prepared, admin, client_file)
    except Problem as problem:
        findings = "".join(f"\n  {row.code} {row.place} : {row.message}" for row in problem.findings)
        raise DemoFailed(f"l'archive a refusé une demande : {problem}{findings}") from problem
    except StillRunning as error:
        raise DemoFailed(f"le versement n'avance plus : {error}") from error
    except (SettingsError, Unreachable, UnexpectedAnswer, DigestMismatch, OSError, ValueError) as error:
        raise DemoFailed(str(error)) from error


def _tell(demo: Demo, prepared: Prepared, admin: Client, client_file: Path) -> None:
    new = prepared.credentials
    with Client(demo.base_url, new.client_id, new.client_secret) as client:
        deposit = _build(demo)
        transfer = _deposit(demo, client, deposit, prepared.agreement)
        _replies(demo, client, transfer)
        found = _search(demo, client, deposit)
        _take_out(demo, client, deposit, found)
    _copies(demo, admin, transfer)
    command = f"{_command()} --client-file {shlex.quote(_short(client_file))}"
    demo.screen.step(8, "Pour continuer")
    for line in (
        f"{command} search contrat médiathèque",
        f"{command} status {transfer.id}",
        f"{command} get {found.id} deliberation.pdf",
        f"{_command()} demo-sip autre.zip --message-id MON-MESSAGE-1",
        f"{command} deposit autre.zip --agreement {prepared.agreement_name}",
    ):
        demo.screen.plain(line)


def _prepare(demo: Demo, admin: Client) -> Prepared:
    demo.screen.step(1, "L'administrateur prépare")
    identifier, establishment = _named_freely(
        "DEMO-VALOMBREUSE",
        lambda free: create_establishment(admin, free, TOWN, siret=SIRET, department="99"),
    )
    demo.screen.done(f"établissement {identifier} : {TOWN}")
    publish_rules(admin, DEMO_RULES)
    demo.screen.done(f"{len(DEMO_RULES)} règles de durée d'utilité administrative au référentiel")
    name, agreement = _named_freely(
        "DEMO-ACCORD",
        lambda free: create_agreement(
            admin,
            AgreementTerms(
                establishment,
                free,
                "Accord de démonstration",
                match_header="record",
                unknown_rules="warn",
                usages="lenient",
            ),
        ),
    )
    demo.screen.done(f"accord de versement {name} : acceptation automatique, tout format")
    mandate = Mandate(establishment, ("depositor", "reader"))
    new = create_client(admin, f"Logiciel métier de {TOWN}", [mandate])
    demo.screen.done("un client qui peut verser et lire pour cet établissement, et rien d'autre")
    return Prepared(agreement, name, new)


def _named_freely(name: str, create: Callable[[str], str]) -> tuple[str, str]:
    """Create under `name`, or under `name` and a short suffix when an earlier demo took it."""
    try:
        return name, create(name)
    except Problem as problem:
        if problem.status != 409:
            raise
        other = f"{name}-{secrets.token_hex(3)}"
        return other, create(other)


def _keep_credentials(path: Path, base_url: str, new: NewClient) -> None:
    # Never readable by others, not even for the time of a chmod.
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    body = {"base_url": base_url, "client_id": new.client_id, "client_secret": new.client_secret}
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _build(demo: Demo) -> DemoDeposit:
    demo.screen.step(2, "La mairie construit son paquet (SIP, SEDA 2.2)")
    now = datetime.now(UTC).replace(microsecond=0)
    # A message identifier serves once: each run sends another message.
    message = f"VALOMBREUSE-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    deposit = demo_deposit(demo.folder / "versement.zip", message_identifier=message, date=now)
    sip = deposit.sip
    demo.screen.done(
        f"message {message} : {sip.units} unités d'archives, {len(sip.files)} fichiers,"
        f" {french_number(sip.size)} octets"
    )
    for written in sip.files:
        demo.screen.note(f"{written.source.name} ({french_number(written.size)} octets)")
    return deposit


def _deposit(demo: Demo, client: Client, deposit: DemoDeposit, agreement: str) -> Transfer:
    demo.screen.step(3, "Elle le verse, et suit le traitement")
    started = time.monotonic()
    transfer_id = client.deposit(deposit.sip.path, agreement)
    demo.screen.done(f"versement {transfer_id}")
    transfer = client.wait(transfer_id, ACCEPTANCE_TIMEOUT, lambda seen: _progress(demo, seen))
    for finding in transfer.findings:
        demo.screen.note(f"[{finding.severity}] {finding.code} {finding.place} : {finding.message}")
    if transfer.state != "accepted" or transfer.aip_id is None:
        raise DemoFailed("le versement de démonstration a été rejeté ; les constats sont ci-dessus")
    seconds = f"{time.monotonic() - started:.1f}".replace(".", ",")
    demo.screen.done(f"accepté en {seconds} s : l'archive en est désormais responsable")
    demo.screen.note(f"AIP {transfer.aip_id}")
    return transfer


def _progress(demo: Demo, transfer: Transfer) -> None:
    if not transfer.is_final:
        demo.screen.note(f"… {STATES.get(transfer.state, transfer.state)}")


def _replies(demo: Demo, client: Client, transfer: Transfer) -> None:
    demo.screen.step(4, "L'archive répond par deux messages SEDA")
    for document in (client.acknowledgement(transfer.id), client.reply(transfer.id)):
        reply = read_reply(document)
        code = f", code {reply.reply_code}" if reply.reply_code else ""
        demo.screen.done(f"{reply.kind}{code} ({french_number(len(document))} octets)")


def _search(demo: Demo, client: Client, deposit: DemoDeposit) -> ArchivedObject:
    demo.screen.step(5, f"Un agent cherche « {QUESTION} »")
    units = list(client.search(QUESTION))
    for unit in units:
        demo.screen.done(unit.title)
        for row in unit.objects:
            demo.screen.note(f"{row.filename}, {french_number(row.size or 0)} octets, {row.format}")
    for unit in units:
        if unit.title == deposit.deliberation_title and unit.objects:
            return unit.objects[0]
    raise DemoFailed(f"la recherche « {QUESTION} » n'a pas retrouvé la délibération versée")


def _take_out(demo: Demo, client: Client, deposit: DemoDeposit, found: ArchivedObject) -> None:
    demo.screen.step(6, "Il reprend la délibération")
    path = demo.folder / "retrait.pdf"
    digest = client.download(found.id, path, found.digest)
    if path.read_bytes() != deposit.deliberation.content:
        raise DemoFailed("le fichier rendu n'est pas celui qui a été versé")
    demo.screen.done(f"{french_number(path.stat().st_size)} octets, identiques bit pour bit au fichier versé")
    demo.screen.note(f"SHA-512 {digest[:32]}…")


def _copies(demo: Demo, admin: Client, transfer: Transfer) -> None:
    demo.screen.step(7, "Où sont les copies")
    for copy in admin.copies(str(transfer.aip_id)):
        demo.screen.done(f"site {copy.site} ({copy.place}) : {copy.state}, relue le {copy.verified_at}")


def _command() -> str:
    beside = Path(sys.executable).parent / "chartrier"
    return shlex.quote(_short(beside)) if beside.exists() else "chartrier"


def _short(path: Path) -> str:
    here, there = Path.cwd(), path.absolute()
    return str(there.relative_to(here) if there.is_relative_to(here) else there)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration against a running archive: 0, or 1 and a plain sentence."""
    parser = argparse.ArgumentParser(prog="python -m chartrier_client.demo", description=__doc__)
    parser.add_argument("--base-url", required=True, help="address of a running archive")
    parser.add_argument("--admin-client", type=Path, required=True, help="its admin-client.json")
    chosen = parser.parse_args(arguments)
    never_choke(sys.stdout)
    try:
        run_demo(chosen.base_url, chosen.admin_client)
    except DemoFailed as failure:
        sys.stderr.write(f"La démonstration s'est arrêtée : {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
