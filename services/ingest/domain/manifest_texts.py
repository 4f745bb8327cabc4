"""Texts of the findings on the manifest: its XML, its identifiers, its header."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error, info, warning

MANIFEST_TEXTS: Final[dict[str, FindingText]] = {
    "MANIFEST_TOO_LARGE": error("Le bordereau dépasse {limit} octets.", "The manifest exceeds {limit} bytes."),
    "MANIFEST_LIMIT": error(
        "Le bordereau dépasse une limite de lecture ({limit}).",
        "The manifest exceeds a limit of reading ({limit}).",
    ),
    "MANIFEST_ENCODING": error(
        "L’encodage du bordereau ({encoding}) n’est pas lu : employer UTF-8.",
        "The encoding of the manifest ({encoding}) is not read: use UTF-8.",
    ),
    "MANIFEST_DOCTYPE": error(
        "Le bordereau contient une déclaration DOCTYPE : ni DTD ni entités ne sont permises.",
        "The manifest contains a DOCTYPE declaration: neither DTD nor entities are allowed.",
    ),
    "MANIFEST_XML": error(
        "Le bordereau n’est pas un document XML bien formé : {reason}.",
        "The manifest is not well-formed XML: {reason}.",
    ),
    "MANIFEST_VERSION": error(
        "L’espace de noms du bordereau (« {namespace} ») n’est pas celui d’une version du SEDA lue ici ({known}).",
        "The namespace of the manifest (“{namespace}”) is not that of a version of SEDA read here ({known}).",
    ),
    "MANIFEST_NOT_A_TRANSFER": error(
        "Le bordereau est un message « {element} » ; un versement est un message ArchiveTransfer.",
        "The manifest is a message “{element}”; a transfer is an ArchiveTransfer message.",
    ),
    "MANIFEST_SCHEMA": error(
        "Le bordereau n’est pas conforme au schéma du SEDA {version} : {reason} Chemin : {path}",
        "The manifest is not valid against the schema of SEDA {version}: {reason} Path: {path}",
    ),
    "MANIFEST_TOLERATED": warning(
        "{element} n’est pas permis en {path} par le schéma du SEDA {version} ({count} fois) ; l’accord l’admet "
        "(tolérance {tolerance}) : {effect}.",
        "{element} is not allowed in {path} by the schema of SEDA {version} ({count} times); the agreement "
        "accepts it (tolerance {tolerance}): {effect}.",
    ),
    "MANIFEST_TOLERABLE": info(
        "{element} n’est pas permis en {path} par le schéma du SEDA {version} ({count} fois) : ôtez-le, ou faites "
        "admettre la tolérance {tolerance} par l’accord.",
        "{element} is not allowed in {path} by the schema of SEDA {version} ({count} times): take it out, or have "
        "the agreement accept the tolerance {tolerance}.",
    ),
    "REFERENCE_DUPLICATE_ID": error(
        "L’identifiant « {id} » est déclaré plusieurs fois (déjà ligne {first}).",
        "The identifier “{id}” is declared several times (already at line {first}).",
    ),
    "REFERENCE_UNKNOWN": error(
        "{element} désigne « {target} », que rien ne déclare dans le bordereau.",
        "{element} points at “{target}”, which nothing in the manifest declares.",
    ),
    "REFERENCE_WRONG_KIND": error(
        "{element} désigne « {target} », qui est {kind}.",
        "{element} points at “{target}”, which is {kind}.",
    ),
    "REFERENCE_INTO_GROUP": error(
        "L’objet « {target} » appartient au groupe « {group} » : c’est le groupe qu’il faut désigner "
        "(DataObjectGroupReferenceId).",
        "The data object “{target}” belongs to the group “{group}”: the group is to be pointed at "
        "(DataObjectGroupReferenceId).",
    ),
    "REFERENCE_CYCLE": error(
        "L’unité d’archives se contient elle-même : {path}.", "The archive unit contains itself: {path}."
    ),
    "REFERENCE_ORPHAN_GROUP": error(
        "Aucune unité d’archives ne désigne le groupe d’objets « {group} ».",
        "No archive unit points at the object group “{group}”.",
    ),
    "REFERENCE_ORPHAN_OBJECT": error(
        "Aucune unité d’archives ne désigne l’objet « {object} ».",
        "No archive unit points at the data object “{object}”.",
    ),
    "HEADER_EMPTY": error(
        "L’élément {element} de l’en-tête est vide.", "The element {element} of the header is empty."
    ),
    "HEADER_TOO_LONG": error(
        "L’identifiant dans {element} compte {found} caractères ; {limit} sont admis.",
        "The identifier in {element} has {found} characters; {limit} are allowed.",
    ),
    "HEADER_AGENCY_MISSING": warning("Le bordereau ne nomme pas de {element}.", "The manifest names no {element}."),
    "HEADER_AGREEMENT_MISMATCH": error(
        "Le bordereau invoque l’accord « {found} » ; le versement est fait au titre de l’accord « {expected} ».",
        "The manifest names the agreement “{found}”; the transfer is made under the agreement “{expected}”.",
    ),
    "HEADER_AGREEMENT_MISSING": error(
        "Le bordereau ne nomme pas l’accord de versement « {expected} ».",
        "The manifest does not name the agreement “{expected}”.",
    ),
    "HEADER_AGENCY_MISMATCH": error(
        "Le bordereau nomme « {found} » comme service producteur ; l’accord est celui de « {expected} ».",
        "The manifest names “{found}” as originating agency; the agreement is that of “{expected}”.",
    ),
    "HEADER_TOO_MANY_UNITS": error(
        "Le versement compte {found} unités d’archives ; l’accord en permet {limit}.",
        "The transfer has {found} archive units; the agreement allows {limit}.",
    ),
    "HEADER_TOO_MANY_BYTES": error(
        "Les fichiers du versement font {found} octets ; l’accord en permet {limit}.",
        "The files of the transfer are {found} bytes; the agreement allows {limit}.",
    ),
    "HEADER_AGREEMENT_SUSPENDED": error(
        "L’accord de versement « {agreement} » est suspendu : rien n’est pris à ce titre.",
        "The agreement “{agreement}” is suspended: nothing is taken under it.",
    ),
    "HEADER_AGREEMENT_DATES": error(
        "Le versement est reçu le {received} ; l’accord « {agreement} » vaut du {first} au {last}.",
        "The transfer was received on {received}; the agreement “{agreement}” is valid from {first} to {last}.",
    ),
    "HEADER_QUOTA": error(
        "Les fichiers du versement font {asked} octets ; l’accord « {agreement} » en permet {quota} en tout, dont "
        "{used} sont pris : il en reste {left}.",
        "The files of the transfer are {asked} bytes; the agreement “{agreement}” allows {quota} in all, of which "
        "{used} are taken: {left} are left.",
    ),
    "FINDINGS_OMITTED": info(
        "{count} autres constats « {code} » ne sont pas énumérés.",
        "{count} more findings “{code}” are not listed.",
    ),
}
