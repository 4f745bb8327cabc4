"""The refusals of admin, for callers."""

from collections.abc import Sequence

from services.admin.domain.faults import Fault
from shared.identity.rights import Role
from shared.problems import Problem


def invalid(faults: Sequence[Fault]) -> Problem:
    """Return the answer to a body with faults: all of them at once."""
    return Problem(
        422,
        faults[0].code if len(faults) == 1 else "invalid_request",
        " ".join(fault.fr for fault in faults),
        " ".join(fault.en for fault in faults),
        extra={"errors": [{"place": fault.place, "code": fault.code} for fault in faults]},
    )


def refuse(faults: Sequence[Fault]) -> None:
    """Raise the answer to faults, if there are any."""
    if faults:
        raise invalid(faults)


def duplicate(identifier: str) -> Problem:
    """Return the answer to an identifier that is taken."""
    return Problem(
        409,
        "identifier_taken",
        f"L'identifiant « {identifier} » est déjà pris.",
        f"The identifier “{identifier}” is already taken.",
    )


def unknown_establishment(references: Sequence[str]) -> Problem:
    """Return the answer to establishments that do not exist, or are not the caller's: the same."""
    named = ", ".join(references[:5])
    return Problem(
        404,
        "establishment_not_found",
        f"Établissement introuvable : {named}.",
        f"Establishment not found: {named}.",
        extra={"establishments": list(references[:200])},
    )


def everywhere_only() -> Problem:
    """Return the answer to somebody whose mandates name establishments, for what concerns all of them."""
    return Problem(
        403,
        "platform_only",
        "Ce droit doit vous être donné pour tous les établissements (« * »).",
        "You need this right for all establishments (“*”).",
    )


def roles_above(roles: Sequence[Role]) -> Problem:
    """Return the answer to somebody who gives, or touches a client with, roles that are not theirs to give."""
    named = ", ".join(roles)
    return Problem(
        403,
        "roles_above",
        f"Vos mandats ne permettent pas de donner ces rôles là où ils vaudraient : {named}.",
        f"Your mandates do not let you give these roles where they would hold: {named}.",
        extra={"roles": list(roles)},
    )


def version_conflict(current: int) -> Problem:
    """Return the answer to a change that was prepared on another version."""
    return Problem(
        412,
        "version_conflict",
        f"La version courante est la {current} : relisez-la avant de la modifier.",
        f"The current version is {current}: read it again before changing it.",
        extra={"version": current},
    )


def clients_only() -> Problem:
    """Return the answer to somebody who is no client of ours, and so could own no endpoint."""
    return Problem(
        403,
        "clients_only",
        "Un webhook appartient à un client de l'archive : demandez-le avec son jeton.",
        "A webhook belongs to a client of the archive: ask for it with its token.",
    )


def event_not_yours(events: Sequence[str]) -> Problem:
    """Return the answer to somebody who wants to hear what none of their mandates lets them read."""
    named = ", ".join(events)
    return Problem(
        403,
        "event_not_yours",
        f"Aucun de vos mandats ne permet de recevoir : {named}.",
        f"None of your mandates lets you hear: {named}.",
        extra={"events": list(events)},
    )


def too_many_webhooks(most: int) -> Problem:
    """Return the answer to a client that has all the endpoints it may have."""
    return Problem(
        409,
        "too_many_webhooks",
        f"Un client a au plus {most} webhooks : modifiez-en un, ou supprimez-en.",
        f"A client has at most {most} webhooks: change one, or remove some.",
    )


def webhook_disabled() -> Problem:
    """Return the answer to whoever wants something sent to an endpoint that hears nothing."""
    return Problem(
        409,
        "webhook_disabled",
        "Ce webhook est désactivé : réactivez-le d'abord.",
        "This webhook is disabled: enable it first.",
    )
