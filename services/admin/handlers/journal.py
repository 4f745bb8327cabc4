"""The lines that admin writes. Names of people are never in them: ids and versions are."""

from uuid import UUID

from shared.messages.journal import JournalLineV1


def event(
    action: str,
    actor: str,
    about: str,
    establishment: UUID | None = None,
    details: dict[str, str | int] | None = None,
) -> JournalLineV1:
    """Return a line of the journal of events; without an establishment, of the platform's."""
    return JournalLineV1(
        kind="events",
        action=action,
        actor=actor,
        object=about,
        establishment=establishment,
        details=details or {},
    )
