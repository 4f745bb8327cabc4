"""What is said of archival profiles, and what to do about it."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error
from services.ingest.domain.mend import Mend

PROFILE_TEXTS: Final[dict[str, FindingText]] = {
    "PROFILE_UNKNOWN": error(
        "Le bordereau nomme le profil d’archivage « {found} », que l’accord ne cite pas ; il cite : {known}.",
        "The manifest names the archival profile “{found}”, which the agreement does not list; it lists: {known}.",
    ),
    "PROFILE_MISSING": error(
        "Le bordereau ne nomme aucun profil d’archivage (ArchivalProfile) ; l’accord cite : {known}.",
        "The manifest names no archival profile (ArchivalProfile); the agreement lists: {known}.",
    ),
    "PROFILE_WITHDRAWN": error(
        "La version {version} du profil d’archivage « {profile} » est retirée : plus rien n’est jugé par elle.",
        "Version {version} of the archival profile “{profile}” is withdrawn: nothing is judged by it any more.",
    ),
    "PROFILE_OTHER_SEDA": error(
        "Le profil d’archivage « {profile} » (version {version}) est écrit pour SEDA {expected} ; le bordereau est "
        "en SEDA {found}.",
        "The archival profile “{profile}” (version {version}) is written for SEDA {expected}; the manifest is in "
        "SEDA {found}.",
    ),
    "PROFILE_INVALID": error(
        "Le bordereau ne respecte pas le profil d’archivage « {profile} » (version {version}), à {path} : {reason}",
        "The manifest is not as the archival profile “{profile}” (version {version}) asks, at {path}: {reason}",
    ),
    "PROFILE_INVALID_MORE": error(
        "Le profil d’archivage « {profile} » (version {version}) relève d’autres erreurs que celles-ci : {more}.",
        "The archival profile “{profile}” (version {version}) finds more errors than these: {more}.",
    ),
    "PROFILE_TOO_LARGE": error(
        "Le bordereau ({size} octets) est trop grand pour être jugé par le profil d’archivage « {profile} » "
        "({kind}, {limit} octets au plus).",
        "The manifest ({size} bytes) is too large to be judged by the archival profile “{profile}” ({kind}, at most "
        "{limit} bytes).",
    ),
    "PROFILE_TOO_SLOW": error(
        "Le bordereau n’a pu être jugé en {limit} secondes par le profil d’archivage « {profile} » (version "
        "{version}).",
        "The manifest could not be judged within {limit} seconds by the archival profile “{profile}” (version "
        "{version}).",
    ),
}

_NAMED: Final = "SEDA 2.x, ArchivalProfile"

PROFILE_MENDS: Final[dict[str, Mend]] = {
    "PROFILE_UNKNOWN": Mend(
        "Écrivez dans ArchivalProfile l’un de ceux que l’accord cite ({known}) : c’est un paramètre du logiciel qui "
        "verse. Ou demandez au service d’archives d’ajouter « {found} » à l’accord.",
        "Write in ArchivalProfile one of those that the agreement lists ({known}): it is a setting of the depositing "
        "software. Or ask the archives to add “{found}” to the agreement.",
        _NAMED,
    ),
    "PROFILE_MISSING": Mend(
        "Nommez dans ArchivalProfile (ManagementMetadata) le profil que suit ce versement : {known}.",
        "Name in ArchivalProfile (ManagementMetadata) the profile that this transfer follows: {known}.",
        _NAMED,
    ),
    "PROFILE_WITHDRAWN": Mend(
        "Rien à corriger dans le paquet : le service d’archives doit mettre dans l’accord une version approuvée de "
        "« {profile} ». Déposez-le de nouveau ensuite.",
        "Nothing to mend in the package: the archives have to put an approved version of “{profile}” into the "
        "agreement. Send it again then.",
    ),
    "PROFILE_OTHER_SEDA": Mend(
        "Refaites le bordereau en SEDA {expected}, ou demandez au service d’archives une version du profil pour SEDA "
        "{found}.",
        "Make the manifest again in SEDA {expected}, or ask the archives for a version of the profile for SEDA "
        "{found}.",
    ),
    "PROFILE_INVALID": Mend(
        "Corrigez ces endroits selon le profil « {profile} » : le service d’archives vous le donne, et tout "
        "validateur XML relève ces erreurs avant l’envoi.",
        "Mend these places as the profile “{profile}” asks: the archives give it to you, and any XML validator finds "
        "these errors before you send.",
        _NAMED,
    ),
    "PROFILE_INVALID_MORE": Mend(
        "Corrigez d’abord les erreurs énumérées, puis refaites un essai : les autres en viennent souvent.",
        "Mend the errors that are listed first, then make another dry run: the others often come of them.",
    ),
    "PROFILE_TOO_LARGE": Mend(
        "Versez en plusieurs fois, ou demandez à l’exploitant de relever la limite.",
        "Send it as several transfers, or ask the operator to raise the limit.",
    ),
    "PROFILE_TOO_SLOW": Mend(
        "Versez en plusieurs fois, ou demandez au service d’archives d’alléger le profil.",
        "Send it as several transfers, or ask the archives to make the profile lighter.",
    ),
}
