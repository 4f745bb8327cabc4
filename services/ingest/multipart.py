"""Take the ``sip`` part out of a multipart/form-data body as a stream; nothing is spooled."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.problems import Problem

PART = "sip"


@dataclass
class _Part:
    """What the parser has met so far. Its callbacks fill `ready` with bytes of the wanted part."""

    header_name: bytes = b""
    header_value: bytes = b""
    headers: dict[str, bytes] = field(default_factory=dict)
    wanted: bool = False
    seen: int = 0
    ended: bool = False
    ready: list[bytes] = field(default_factory=list)

    def begin(self) -> None:
        self.headers = {}
        self.wanted = False

    def on_name(self, data: bytes, start: int, end: int) -> None:
        self.header_name += data[start:end]

    def on_value(self, data: bytes, start: int, end: int) -> None:
        self.header_value += data[start:end]

    def on_header_end(self) -> None:
        self.headers[self.header_name.decode("latin-1").lower()] = self.header_value
        self.header_name = self.header_value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self.headers.get("content-disposition", b""))
        self.wanted = options.get(b"name") == PART.encode()
        self.seen += self.wanted

    def on_data(self, data: bytes, start: int, end: int) -> None:
        if self.wanted:
            self.ready.append(data[start:end])

    def on_end(self) -> None:
        self.ended = True


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a multipart content type. Raises a 400 `Problem` when there is none."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _malformed()
    return boundary


async def sip_part(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Yield the bytes of the one part named ``sip``; a 400 `Problem` for none, two, or a broken body."""
    part = _Part()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": part.begin,
            "on_header_field": part.on_name,
            "on_header_value": part.on_value,
            "on_header_end": part.on_header_end,
            "on_headers_finished": part.on_headers_finished,
            "on_part_data": part.on_data,
            "on_end": part.on_end,
        },
    )
    try:
        async for chunk in body:
            parser.write(chunk)
            for ready in part.ready:
                yield ready
            part.ready.clear()
        parser.finalize()
    except MultipartParseError as error:
        raise _malformed() from error
    if not part.ended:
        # Without its last boundary the form was cut, wherever on its way, and the package with it.
        raise _malformed()
    if part.seen != 1:
        raise Problem(
            400,
            "sip_part_missing",
            f"Le formulaire doit comporter une partie « {PART} », et une seule.",
            f"The form must have one part named “{PART}”, and only one.",
        )


def _malformed() -> Problem:
    return Problem(400, "multipart_malformed", "Corps multipart illisible.", "The multipart body cannot be read.")
