"""Texts of the findings on data objects, their files and formats."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error, info, warning

OBJECT_TEXTS: Final[dict[str, FindingText]] = {
    "OBJECT_URI_EMPTY": error(
        "L’objet ne dit pas quel fichier il est : son élément Uri est vide ou absent.",
        "The data object does not say which file it is: its Uri is empty or absent.",
    ),
    "OBJECT_INLINE": error(
        "Le contenu de l’objet est dans le bordereau (Attachment) : il doit être un fichier du paquet (Uri).",
        "The content of the data object is in the manifest (Attachment): it must be a file of the package (Uri).",
    ),
    "OBJECT_FILE_MISSING": error(
        "Le fichier « {uri} » annoncé par l’objet n’est pas dans le paquet.",
        "The file “{uri}” announced by the data object is not in the package.",
    ),
    "OBJECT_FILE_SHARED": error(
        "Le fichier « {uri} » est déjà celui de l’objet {other}.",
        "The file “{uri}” is already that of the data object {other}.",
    ),
    "OBJECT_FILE_UNCLAIMED": error(
        "Aucun objet du bordereau ne désigne ce fichier.", "No data object of the manifest names this file."
    ),
    "OBJECT_FILE_COPY": warning(
        "Aucun objet du bordereau ne désigne ce fichier, copie exacte de « {original} » ; il est conservé sans être "
        "décrit.",
        "No data object of the manifest names this file, an exact copy of “{original}”; it is kept, not described.",
    ),
    "OBJECT_DIGEST_MISSING": error("L’objet n’a pas d’empreinte.", "The data object has no digest."),
    "OBJECT_DIGEST_ALGORITHM": error(
        "L’algorithme d’empreinte « {algorithm} » n’est pas connu ; employer SHA-512 ou SHA-256.",
        "The digest algorithm “{algorithm}” is unknown; use SHA-512 or SHA-256.",
    ),
    "OBJECT_DIGEST_UNREADABLE": error(
        "L’empreinte n’est ni en hexadécimal ni en base64 de la longueur d’un {algorithm}.",
        "The digest is neither hexadecimal nor base64 of the length of {algorithm}.",
    ),
    "OBJECT_DIGEST_MISMATCH": error(
        "L’empreinte {algorithm} du fichier n’est pas celle annoncée : annoncée {declared}, calculée {measured}.",
        "The {algorithm} digest of the file is not that announced: announced {declared}, computed {measured}.",
    ),
    "OBJECT_DIGEST_WEAK": info(
        "{count} empreintes sont en {algorithm}, algorithme affaibli ; l’archive calcule les siennes en SHA-512.",
        "{count} digests are in {algorithm}, a weakened algorithm; the archive computes its own in SHA-512.",
    ),
    "OBJECT_SIZE_MISMATCH": warning(
        "La taille annoncée ({declared} octets) n’est pas celle du fichier ({measured}).",
        "The size announced ({declared} bytes) is not that of the file ({measured}).",
    ),
    "OBJECT_EMPTY": warning("Le fichier est vide (0 octet).", "The file is empty (0 bytes)."),
    "OBJECT_USAGE": error(
        "« {usage} » n’est pas un usage connu : {known}, suivi au besoin de « _ » et d’un numéro.",
        "“{usage}” is not a known usage: {known}, if need be followed by “_” and a number.",
    ),
    "OBJECT_USAGE_KIND": error(
        "L’usage « {usage} » ne convient pas à ce genre d’objet (physique ou numérique).",
        "The usage “{usage}” does not suit this kind of data object (physical or binary).",
    ),
    "OBJECT_USAGE_REPEATED": error(
        "L’usage « {usage} » est porté par plusieurs objets du groupe {group}.",
        "The usage “{usage}” is borne by several data objects of the group {group}.",
    ),
    "OBJECT_MASTER_MISSING": error(
        "Le groupe {group} n’a pas d’original : aucun de ses objets n’est un BinaryMaster ni un PhysicalMaster.",
        "The group {group} has no master: none of its data objects is a BinaryMaster or a PhysicalMaster.",
    ),
    "OBJECT_PHYSICAL_ID_EMPTY": error(
        "L’identifiant physique (PhysicalId) de l’objet est vide.",
        "The physical identifier (PhysicalId) of the data object is empty.",
    ),
    "FORMAT_UNIDENTIFIED": warning(
        "Le format du fichier n’est pas reconnu par PRONOM.",
        "The format of the file is not recognised by PRONOM.",
    ),
    "FORMAT_DAMAGED": warning(
        "Le fichier commence comme un conteneur (« {kind} » selon PRONOM) et ne s’ouvre pas comme tel : il est "
        "tronqué ou abîmé.",
        "The file begins as a container (“{kind}” to PRONOM) and does not open as one: it is cut short or damaged.",
    ),
    "FORMAT_MISMATCH": warning(
        "Le format annoncé ({declared}) n’est pas celui reconnu ({identified}, {name}).",
        "The format announced ({declared}) is not that recognised ({identified}, {name}).",
    ),
    "FORMAT_ENCRYPTED": error(
        "Le fichier est chiffré ou protégé par un mot de passe ({kind}).",
        "The file is encrypted or protected by a password ({kind}).",
    ),
    "FORMAT_PROTECTED": warning(
        "Le fichier (PDF, classeur) est chiffré, même s’il s’ouvre : l’imprimer, le copier ou le modifier demande "
        "peut-être un mot de passe.",
        "The file (PDF, workbook) is encrypted, even if it opens: to print, copy or change it may take a password.",
    ),
    "FORMAT_ARCHIVE": info(
        "Le fichier est lui-même une archive ({kind}) : ce qu’elle contient n’est ni décrit ni contrôlé.",
        "The file is itself an archive ({kind}): what it holds is neither described nor checked.",
    ),
    "FORMAT_ARCHIVE_UNSEEN": info(
        "L’archive ({kind}) n’a pas été ouverte, trop grande ou d’un genre qui ne s’ouvre pas ici : ni mots de passe "
        "ni archives n’y ont été cherchés plus avant.",
        "The archive ({kind}) was not opened, too large or of a kind that is not opened here: neither passwords nor "
        "archives were looked for further in it.",
    ),
    "FORMAT_ARCHIVE_TOO_DEEP": error(
        "Le fichier contient des archives dans des archives sur plus de {limit} niveaux.",
        "The file holds archives in archives more than {limit} levels deep.",
    ),
    "FORMAT_NOT_ALLOWED": error(
        "Le format {identified} n’est pas de ceux que l’accord permet.",
        "The format {identified} is not among those the agreement allows.",
    ),
}
