"""Read the two SEDA messages an archive sends back, whatever their version."""

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True)
class Reply:
    """The essential of an Acknowledgement or an ArchiveTransferReply."""

    kind: str
    message_identifier: str | None
    reply_code: str | None


def read_reply(document: bytes) -> Reply:
    """Read a message with entities and network off; raises `ValueError` when it is not XML."""
    try:
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not an XML message: {error}") from error
    return Reply(etree.QName(root).localname, root.findtext("{*}MessageIdentifier"), root.findtext("{*}ReplyCode"))
