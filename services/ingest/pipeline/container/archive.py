"""Say what a container is from its first bytes, whatever its name or media type."""

from pathlib import Path

from services.ingest.domain.finding_texts import found
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.entries import Container
from services.ingest.pipeline.container.faults import CONTAINER, ContainerFault
from services.ingest.pipeline.container.tar_entries import tar_entries
from services.ingest.pipeline.container.tar_headers import BLOCK, looks_like_tar
from services.ingest.pipeline.container.zip_directory import zip_entries

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def open_container(path: Path, limits: Limits) -> Container:
    """Recognise the SIP at `path`. Raises `ContainerFault` for what is none of the four containers.

    TAR is tried before ZIP: a TAR may end in a ZIP (an ODT), a ZIP never begins as a TAR.
    """
    with path.open("rb") as file:
        head = file.read(BLOCK)
    if not head:
        raise ContainerFault(found("CONTAINER_EMPTY", CONTAINER))
    if looks_like_tar(head):
        return _tar(path, limits, ContainerFormat.TAR)
    if head.startswith(b"\x1f\x8b"):
        return _tar(path, limits, ContainerFormat.TAR_GZ)
    if head[:3] == b"BZh":
        return _tar(path, limits, ContainerFormat.TAR_BZ2)
    if head.startswith(_ZIP):
        return Container(ContainerFormat.ZIP, lambda: zip_entries(path, limits))
    raise ContainerFault(found("CONTAINER_NOT_AN_ARCHIVE", CONTAINER))


def _tar(path: Path, limits: Limits, container_format: ContainerFormat) -> Container:
    return Container(container_format, lambda: tar_entries(path, container_format, limits))
