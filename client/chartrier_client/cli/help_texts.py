"""What the help of the command says of each of its words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chartrier_client.language import Text

DESCRIPTION: Final = Text(
    "Préparer, contrôler, verser, suivre, chercher et reprendre des archives.",
    "Prepare, check, deposit, follow, find and fetch archives.",
)

EPILOG: Final = Text(
    """Code de sortie : 0 accepté (ou rien à redire), 2 versement ou paquet rejeté, ou essai qui le serait (les
constats sont affichés), 1 ennui technique ou commande mal formée ; «verify» : 0 valide, 2 invalide,
3 indéterminé (rien de faux, mais tout n'est pas prouvé), 1 fichier illisible.
L'adresse et les identifiants viennent des options, sinon de CHARTRIER_URL, CHARTRIER_CLIENT_ID et
CHARTRIER_CLIENT_SECRET, sinon du fichier de configuration ; «chartrier config show» dit d'où.""",
    """Exit code: 0 accepted (or nothing to say), 2 a deposit or package is rejected, or a dry run would be (the
findings are printed), 1 a technical fault or a mistyped command; `verify`: 0 valid, 2 invalid,
3 indeterminate (nothing wrong, but not all is proven), 1 a file that cannot be read.
The address and the credentials come from the options, else from CHARTRIER_URL, CHARTRIER_CLIENT_ID and
CHARTRIER_CLIENT_SECRET, else from the configuration file; `chartrier config show` says from where.""",
)

HELP: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "--help": Text("montrer cette aide et sortir", "show this help and leave"),
        "--url": Text(
            "adresse de l'archive, par exemple http://127.0.0.1:8000",
            "address of the archive, such as http://127.0.0.1:8000",
        ),
        "--client-id": Text("identifiant du client", "identifier of the client"),
        "--client-secret": Text(
            "secret du client (visible dans la liste des processus)",
            "secret of the client (it shows in the list of processes)",
        ),
        "--client-file": Text(
            "fichier JSON : base_url, client_id, client_secret", "JSON file: base_url, client_id, client_secret"
        ),
        "--config": Text(
            "fichier de configuration (TOML ; sinon ~/.config/chartrier/config.toml)",
            "configuration file (TOML; else ~/.config/chartrier/config.toml)",
        ),
        "--language": Text("langue des messages", "language of the messages"),
        "--json": Text("répondre en JSON", "answer in JSON"),
        "deposit": Text("verser un paquet (SIP) et attendre la réponse", "deposit a package (SIP) and wait"),
        "deposit sip": Text(
            "ZIP, TAR, TAR.GZ ou TAR.BZ2 contenant manifest.xml", "ZIP, TAR, TAR.GZ or TAR.BZ2 with a manifest.xml"
        ),
        "--agreement": Text("accord de versement (identifiant)", "agreement (identifier)"),
        "--dry-run": Text(
            "essai : dire ce qui adviendrait du paquet, et ne rien en garder",
            "say what would become of the package, and keep nothing of it",
        ),
        "--wait": Text(
            "attendre la fin du traitement (par défaut), ou rendre la main dès la réception",
            "wait until it is treated (the default), or leave once it is received",
        ),
        "--resumable": Text(
            "envoi par morceaux, qui reprend où il en était (par défaut à partir de 64 Mio)",
            "send in pieces, and go on after an interruption (the default from 64 MiB on)",
        ),
        "--timeout": Text("attente maximale en secondes (300)", "how long to wait at most, in seconds (300)"),
        "status": Text("où en est un versement", "where a deposit stands"),
        "transfer": Text("identifiant du versement", "identifier of the transfer"),
        "wait": Text(
            "attendre qu'un versement soit accepté ou rejeté, un essai jugé",
            "wait until a deposit is accepted or rejected, a dry run judged",
        ),
        "list": Text("les versements, du plus récent au plus ancien", "the deposits, newest first"),
        "--state": Text("seulement ceux qui en sont là (accepted, rejected…)", "only those in a state (accepted…)"),
        "--limit": Text("nombre de réponses (20 ; 0 : toutes)", "how many answers (20; 0: all)"),
        "search": Text("chercher des unités d'archives", "find archive units"),
        "words": Text("mots recherchés", "words to look for"),
        "--filter": Text("filtre, répétable", "filter, may be repeated"),
        "get": Text("télécharger un objet, empreinte vérifiée", "download an object, its digest verified"),
        "object": Text("identifiant de l'objet", "identifier of the object"),
        "--force": Text("remplacer le fichier qui serait déjà là", "replace a file that is there already"),
        "out file": Text("fichier à écrire", "file to write"),
        "dip": Text("commander des unités et les télécharger dans un ZIP", "order units and download them in a ZIP"),
        "units": Text("identifiants des unités", "identifiers of the units"),
        "sip": Text(
            "construire ou contrôler un paquet (SIP), sans archive", "build or check a package (SIP), offline"
        ),
        "sip build": Text(
            "à partir d'un dossier : un sous-dossier est un groupe, un fichier une pièce",
            "from a folder: a folder in it is a group, a file an item",
        ),
        "folder": Text("dossier à verser", "folder to deposit"),
        "out sip": Text("paquet à écrire (sinon DOSSIER.zip, ici même)", "package to write (else FOLDER.zip, here)"),
        "--metadata": Text(
            "descriptions, en CSV : chemin, titre, dates, règles…", "descriptions, in CSV: path, title, dates, rules…"
        ),
        "--archival-agency": Text("identifiant du service d'archives", "identifier of the archival agency"),
        "--transferring-agency": Text("identifiant du service versant", "identifier of the transferring agency"),
        "--originating-agency": Text("identifiant du service producteur", "identifier of the originating agency"),
        "--submission-agency": Text("identifiant de l'opérateur de versement", "identifier of the submission agency"),
        "--message-id": Text(
            "identifiant du message, unique par service versant (sinon un nouveau)",
            "identifier of the message, used once by a transferring agency (else a new one)",
        ),
        "agreement written": Text(
            "accord de versement à écrire dans le message", "agreement to write in the message"
        ),
        "--comment": Text("commentaire du message", "comment of the message"),
        "--store": Text("ne pas comprimer (fichiers déjà comprimés)", "do not compress (files that are already)"),
        "--seda": Text("version du SEDA (2.2)", "version of SEDA (2.2)"),
        "sip check": Text(
            "tous les contrôles qui se font sans archive", "all the checks that can be made without an archive"
        ),
        "check file": Text("paquet à contrôler", "package to check"),
        "--xsd": Text("dossier des schémas officiels du SEDA", "folder of the official schemas of SEDA"),
        "demo-sip": Text("écrire un petit paquet municipal d'exemple", "write a small municipal package to try with"),
        "verify": Text(
            "vérifier des preuves, sans archive ni réseau : paquets, journaux, scellements, reçus, attestations…",
            "verify proofs with neither archive nor network: packages, journals, seals, receipts, attestations…",
        ),
        "verify files": Text(
            "fichiers ou dossiers, vérifiés ensemble : AIP, DIP, journal (.ndjson), scellement, renouvellement, "
            "ancre, reçu, enregistrement de preuve, attestation PDF, ou une donnée que prouve --evidence",
            "files or folders, verified together: AIP, DIP, journal (.ndjson), seal, renewal, anchor, receipt, "
            "evidence record, PDF attestation, or data that --evidence proves",
        ),
        "--trust": Text(
            "racines de confiance (horodateurs, service d'archivage) et listes de révocation, en PEM, répétable",
            "trusted roots of time-stampers and of the archive, and revocation lists (PEM), may be repeated",
        ),
        "--evidence": Text(
            "enregistrement de preuve (RFC 4998) des fichiers, répétable",
            "evidence record (RFC 4998) of the files, may be repeated",
        ),
        "--at": Text(
            "moment pour lequel les preuves doivent tenir (2046-01-31 ; sinon maintenant)",
            "moment for which the proofs have to hold (2046-01-31; else now)",
        ),
        "config": Text("les réglages de cette commande", "the settings of this command"),
        "config show": Text("les montrer, et d'où ils viennent, sans secret", "show them and where they come from"),
    }
)
