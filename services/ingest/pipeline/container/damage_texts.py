"""The kinds of damage of a package, in French too."""

from typing import Final

DAMAGE_FR: Final[dict[str, str]] = {
    "two entries share their bytes": "deux fichiers du ZIP occupent les mêmes octets",
    "an entry starts after the directory": "un fichier du ZIP commence après son répertoire",
    "the directory announces more entries than it has": "le répertoire du ZIP annonce plus de fichiers qu’il n’en a",
    "the directory has more entries than it announces": "le répertoire du ZIP a plus de fichiers qu’il n’en annonce",
    "a directory entry is longer than the directory": "une ligne du répertoire du ZIP dépasse le répertoire",
    "the ZIP and ZIP64 end records disagree": "les deux fins du ZIP, ZIP et ZIP64, se contredisent",
    "a part of a ZIP in several parts": "c’est une partie d’un ZIP en plusieurs parties",
    "the directory is not where the end of the ZIP says": "le répertoire du ZIP n’est pas où sa fin le dit",
    "the ZIP64 end record is not where it should be": "la fin du ZIP64 n’est pas à sa place",
    "ZIP64 sizes are missing": "les tailles ZIP64 manquent",
    "a stored entry has two sizes": "un fichier non compressé a deux tailles différentes",
    "no local header where the directory says": "un fichier n’est pas où le répertoire du ZIP le dit",
    "an entry is larger than declared": "un fichier est plus long qu’annoncé",
    "wrong size or checksum": "la taille ou la somme de contrôle d’un fichier est fausse",
    "damaged compression": "la compression est abîmée",
    "TAR metadata of an absurd length": "des métadonnées du TAR ont une longueur absurde",
    "unreadable size in a TAR header": "une taille du TAR est illisible",
    "wrong checksum in a TAR header": "une somme de contrôle du TAR est fausse",
    "malformed pax header": "un en-tête pax du TAR est mal formé",
}
