"""The words that the `chartrier` command understands."""

import argparse
from pathlib import Path

from chartrier_client.description import SedaVersion

EPILOG = """Code de sortie : 0 accepté (ou rien à redire), 2 versement rejeté, ou essai qui le serait (les constats
sont affichés), 1 ennui technique ou commande mal formée.
L'adresse et les identifiants viennent des options, sinon de --client-file, sinon de CHARTRIER_URL,
CHARTRIER_CLIENT_ID et CHARTRIER_CLIENT_SECRET."""


def parser() -> argparse.ArgumentParser:
    """Build the parser; each sub-command leaves its name in `action`."""
    top = argparse.ArgumentParser(
        prog="chartrier",
        description="Préparer, verser, suivre, chercher et reprendre des archives.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--url", help="adresse de l'archive, par exemple http://127.0.0.1:8000")
    top.add_argument("--client-id", help="identifiant du client")
    top.add_argument("--client-secret", help="secret du client (visible dans la liste des processus)")
    top.add_argument("--client-file", type=Path, help="fichier JSON : base_url, client_id, client_secret")
    top.add_argument("--language", choices=["fr", "en"], default="fr", help="langue des messages de l'archive")
    top.add_argument("--json", action="store_true", help="répondre en JSON")
    actions = top.add_subparsers(dest="action", required=True, metavar="COMMANDE")
    _transfer_actions(actions)
    _access_actions(actions)
    _build_actions(actions)
    return top


def _transfer_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    deposit = actions.add_parser("deposit", help="verser un paquet (SIP) et attendre la réponse")
    deposit.add_argument("sip", type=Path, help="ZIP, TAR, TAR.GZ ou TAR.BZ2 contenant manifest.xml")
    deposit.add_argument("--agreement", required=True, help="accord de versement (identifiant)")
    deposit.add_argument(
        "--dry-run", action="store_true", help="essai : dire ce qui adviendrait du paquet, et ne rien en garder"
    )
    deposit.add_argument("--no-wait", action="store_true", help="rendre la main dès la réception")
    _timeout(deposit)
    status = actions.add_parser("status", help="où en est un versement")
    status.add_argument("transfer", help="identifiant du versement")
    wait = actions.add_parser("wait", help="attendre qu'un versement soit accepté ou rejeté, un essai jugé")
    wait.add_argument("transfer", help="identifiant du versement")
    _timeout(wait)


def _access_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    search = actions.add_parser("search", help="chercher des unités d'archives")
    search.add_argument("words", nargs="*", help="mots recherchés")
    search.add_argument("--filter", action="append", default=[], metavar="NOM=VALEUR", help="filtre, répétable")
    search.add_argument("--limit", type=int, default=20, help="nombre de réponses (20 ; 0 : toutes)")
    get = actions.add_parser("get", help="télécharger un objet, empreinte vérifiée")
    get.add_argument("object", help="identifiant de l'objet")
    get.add_argument("path", type=Path, help="fichier à écrire")
    dip = actions.add_parser("dip", help="commander des unités et les télécharger dans un ZIP")
    dip.add_argument("units", nargs="+", help="identifiants des unités")
    dip.add_argument("--out", type=Path, required=True, help="fichier à écrire")
    _timeout(dip)


def _build_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sip = actions.add_parser("sip", help="construire un paquet (SIP)")
    build = sip.add_subparsers(dest="sip_action", required=True, metavar="COMMANDE").add_parser(
        "build", help="à partir d'un dossier : un sous-dossier est un groupe, un fichier une pièce"
    )
    build.add_argument("folder", type=Path, help="dossier à verser")
    build.add_argument("out", type=Path, help="paquet à écrire")
    build.add_argument("--archival-agency", required=True, help="identifiant du service d'archives")
    build.add_argument("--transferring-agency", required=True, help="identifiant du service versant")
    build.add_argument("--originating-agency", help="identifiant du service producteur")
    build.add_argument("--message-id", required=True, help="identifiant du message, unique par service versant")
    build.add_argument("--agreement", help="accord de versement à écrire dans le message")
    _seda(build)
    demo = actions.add_parser("demo-sip", help="écrire un petit paquet municipal d'exemple")
    demo.add_argument("path", type=Path, help="paquet à écrire")
    demo.add_argument("--message-id", default="VALOMBREUSE-2026-0001", help="identifiant du message")
    demo.add_argument("--agreement", help="accord de versement à écrire dans le message")
    _seda(demo)


def _timeout(action: argparse.ArgumentParser) -> None:
    action.add_argument("--timeout", type=float, default=300.0, help="attente maximale en secondes (300)")


def _seda(action: argparse.ArgumentParser) -> None:
    versions = [str(version) for version in SedaVersion]
    action.add_argument("--seda", choices=versions, default="2.2", help="version du SEDA (2.2)")
