"""Uploads in parts that nobody finished: no version, listed nowhere beside versions, and bytes all the same."""

from collections.abc import Iterator
from contextlib import suppress
from xml.etree import ElementTree
from xml.etree.ElementTree import ParseError

from shared.object_store.errors import NoSuchObject, StoreUnavailable
from shared.object_store.s3_wire import S3Wire


def abort_uploads(wire: S3Wire, key: str) -> None:
    """Have the server forget what was sent of a key and never finished (blocking).

    Raises `StoreUnavailable` where it does not answer, where these keys may not ask
    (``s3:ListBucketMultipartUploads``, ``s3:AbortMultipartUpload``), or where something is left afterwards.
    """
    for upload in list(_unfinished(wire, key)):
        with suppress(NoSuchObject):  # whoever sent it was quicker: it is finished, or given up
            wire.send("DELETE", key, query={"uploadId": upload})
    if left := len(list(_unfinished(wire, key))):
        raise StoreUnavailable(f"{key}: {left} unfinished uploads are there after they were aborted")


def _unfinished(wire: S3Wire, key: str) -> Iterator[str]:
    """Yield the identifiers of the uploads of a key; the server lists by prefix, a page at a time."""
    after: dict[str, str] = {}
    while True:
        answer = wire.send("GET", None, query={"uploads": "", "prefix": key, **after})
        try:
            page = ElementTree.fromstring(answer.data)  # noqa: S314 - our own server's, as its library reads it
        except ParseError as error:
            raise StoreUnavailable(f"{key}: no list of uploads: {error}") from error
        for one in page.iterfind("{*}Upload"):
            if one.findtext("{*}Key") == key:
                yield one.findtext("{*}UploadId") or ""
        if page.findtext("{*}IsTruncated") != "true":
            return
        markers = {"key-marker": "{*}NextKeyMarker", "upload-id-marker": "{*}NextUploadIdMarker"}
        after = {name: page.findtext(element) or "" for name, element in markers.items()}
