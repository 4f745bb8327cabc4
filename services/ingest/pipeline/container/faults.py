"""How the reading of a container stops: with a finding, never with a crash."""

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.container.damage_texts import DAMAGE_FR

CONTAINER = "container"


class ContainerFault(Exception):
    """The container cannot be read further; `finding` says why to the depositor."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def corrupt(reason: str, place: str = CONTAINER) -> ContainerFault:
    """Return the fault of a container whose structure contradicts itself; `reason` is a stable English phrase."""
    return ContainerFault(found("CONTAINER_CORRUPT", place, reason=reason, reason_fr=DAMAGE_FR.get(reason, reason)))


def truncated(place: str = CONTAINER) -> ContainerFault:
    """Return the fault of a container that ends before its end."""
    return ContainerFault(found("CONTAINER_TRUNCATED", place))


def too_large(limit: int) -> ContainerFault:
    """Return the fault of a container that expands beyond `limit` bytes."""
    return ContainerFault(found("CONTAINER_TOO_LARGE", CONTAINER, limit=str(limit)))


def too_dense(ratio: int) -> ContainerFault:
    """Return the fault of a container that expands more than `ratio` times."""
    return ContainerFault(found("CONTAINER_RATIO", CONTAINER, limit=str(ratio)))


def too_many(limit: int) -> ContainerFault:
    """Return the fault of a container of more than `limit` entries."""
    return ContainerFault(found("CONTAINER_TOO_MANY_FILES", CONTAINER, limit=str(limit)))
