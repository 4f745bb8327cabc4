"""Texts of the findings on the container and of the antivirus."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error, warning

CONTAINER_TEXTS: Final[dict[str, FindingText]] = {
    "CONTAINER_NOT_AN_ARCHIVE": error(
        "Le fichier reçu n’est ni un ZIP, ni un TAR, ni un TAR.GZ, ni un TAR.BZ2.",
        "The file received is neither a ZIP, nor a TAR, TAR.GZ or TAR.BZ2.",
    ),
    "CONTAINER_EMPTY": error("Le paquet ne contient aucun fichier.", "The package holds no file."),
    "CONTAINER_TRUNCATED": error(
        "Le paquet s’arrête avant sa fin : il n’est pas complet.",
        "The package stops before its end: it is not complete.",
    ),
    "CONTAINER_CORRUPT": error("Le paquet est endommagé ({reason}).", "The package is damaged ({reason})."),
    "CONTAINER_HEADERS_DISAGREE": error(
        "Le ZIP décrit ce fichier de deux façons différentes, dans son répertoire et devant le fichier.",
        "The ZIP describes this file in two different ways, in its directory and before the file.",
    ),
    "CONTAINER_TOO_LARGE": error(
        "Le paquet dépasserait {limit} octets une fois décompressé.",
        "The package would exceed {limit} bytes once expanded.",
    ),
    "CONTAINER_RATIO": error(
        "Le paquet se décompresse plus de {limit} fois : il ressemble à une bombe de décompression.",
        "The package expands more than {limit} times: it looks like a decompression bomb.",
    ),
    "CONTAINER_TOO_MANY_FILES": error(
        "Le paquet contient plus de {limit} entrées.", "The package holds more than {limit} entries."
    ),
    "CONTAINER_TOO_SLOW": error(
        "Le contrôle du paquet a demandé {times} fois de suite plus de {limit} secondes : il n’a pas été mené à son "
        "terme.",
        "Checking the package took more than {limit} seconds, {times} times in a row: it was not brought to its end.",
    ),
    "CONTAINER_ABSOLUTE_PATH": error(
        "Le chemin de ce fichier est absolu : il doit être relatif au paquet.",
        "The path of this file is absolute: it must be relative to the package.",
    ),
    "CONTAINER_TRAVERSAL": error(
        "Le chemin de ce fichier sort du paquet (« .. »).", "The path of this file leaves the package (“..”)."
    ),
    "CONTAINER_BACKSLASH": error(
        "Le chemin de ce fichier contient une barre oblique inverse ; les dossiers se séparent par « / ».",
        "The path of this file contains a backslash; folders are separated by “/”.",
    ),
    "CONTAINER_BAD_NAME": error(
        "Le nom de ce fichier est vide, illisible ou contient des caractères de contrôle.",
        "The name of this file is empty, unreadable or contains control characters.",
    ),
    "CONTAINER_PATH_TOO_LONG": error(
        "Le chemin de ce fichier dépasse {limit} octets.", "The path of this file exceeds {limit} bytes."
    ),
    "CONTAINER_LINK": error(
        "Cette entrée est un lien : seuls des fichiers peuvent être archivés.",
        "This entry is a link: only files can be archived.",
    ),
    "CONTAINER_SPECIAL_FILE": error(
        "Cette entrée n’est ni un fichier ordinaire ni un dossier.",
        "This entry is neither a plain file nor a folder.",
    ),
    "CONTAINER_DUPLICATE": error(
        "Ce nom est porté par plusieurs fichiers du paquet.", "Several files of the package bear this name."
    ),
    "CONTAINER_NAME_CONFLICT": error(
        "« {other} » est à la fois un fichier et un dossier du paquet.",
        "“{other}” is both a file and a folder of the package.",
    ),
    "CONTAINER_ENCRYPTED": error(
        "Ce fichier est chiffré dans le paquet : il doit être déposé en clair.",
        "This file is encrypted in the package: it must be sent in clear.",
    ),
    "CONTAINER_COMPRESSION": error(
        "Ce fichier est compressé par la méthode ZIP {method} ; seules les méthodes 0 (aucune) et 8 (deflate) "
        "sont lues.",
        "This file is compressed by ZIP method {method}; only methods 0 (stored) and 8 (deflate) are read.",
    ),
    "CONTAINER_NO_MANIFEST": error(
        "Aucun bordereau à la racine du paquet : il doit se nommer manifest.xml, ou <préfixe>_manifest.xml "
        "(lettres non accentuées, chiffres, « - » et « _ »).",
        "No manifest at the root of the package: it must be named manifest.xml, or <prefix>_manifest.xml "
        "(plain letters, digits, “-” and “_”).",
    ),
    "CONTAINER_SEVERAL_MANIFESTS": error(
        "Plusieurs bordereaux à la racine du paquet : {names}.",
        "Several manifests at the root of the package: {names}.",
    ),
    "ANTIVIRUS_INFECTED": error(
        "L’antivirus a trouvé « {malware} » dans ce fichier.", "The antivirus found “{malware}” in this file."
    ),
    "ANTIVIRUS_PARTIAL": warning(
        "L’antivirus n’a examiné que les {examined} premiers octets de ce fichier.",
        "The antivirus examined only the first {examined} bytes of this file.",
    ),
}
