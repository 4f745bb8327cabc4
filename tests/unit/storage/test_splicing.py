"""XML is copied byte for byte but for what is cut out or replaced, however it is written and however it comes."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from xml.parsers import expat

import pytest

from services.storage.pipeline.rewriting.splicing import Splicer

NASTY = (
    "\ufeff<?xml version='1.0' encoding='utf-8'?>\n<!-- <gone/> --><r  a = '&lt;>' b=\"é\" >\r\n"
    "<kept/><gone/><kept x='/>'>/></kept><![CDATA[<gone>]]><gone a='>' >text &amp; <gone/> > more"
    "<!-- </gone> --><kept/></gone ><kept></kept>&#233;<p:gone xmlns:p='urn:p'\n/>tail</r>\n<!-- end -->"
).encode()


class CutsGone:
    """Cuts out every element called `gone`, and leaves `!` in its place."""

    def __init__(self) -> None:
        self._depth = 0

    def start(self, splicer: Splicer, name: str, _attributes: Mapping[str, str]) -> None:
        if self._depth or name.rpartition(" ")[2] == "gone":
            if not self._depth:
                splicer.cut()
            self._depth += 1

    def end(self, splicer: Splicer, _name: str) -> None:
        if self._depth:
            self._depth -= 1
            if not self._depth:
                splicer.write(b"!")
                splicer.mend()


class Renames:
    """Replaces `ref` elements whose text is ``old``, and the tag of every `t`."""

    def start(self, splicer: Splicer, name: str, _attributes: Mapping[str, str]) -> None:
        if name == "ref":
            splicer.hold()
        elif name == "t":
            splicer.retag(splicer.tag().replace(b"1", b"2222"))
        elif name == "u":
            splicer.insert(b"<new/>")

    def end(self, splicer: Splicer, name: str) -> None:
        if name == "ref" and splicer.release() == "old":
            splicer.replace_held(b"<ref>new</ref>")


def spliced(document: bytes, editor: CutsGone | Renames, size: int) -> bytes:
    out = BytesIO()
    Splicer(out, editor).copy(pieces(document, size))
    return out.getvalue()


def pieces(document: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(document), size):
        yield document[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_only_what_is_cut_out_is_missing(size: int) -> None:
    left = NASTY.replace(b"<kept/><gone/>", b"<kept/>!")
    start, end = left.index(b"<gone a="), left.index(b"</gone >") + len(b"</gone >")
    left = left[:start] + b"!" + left[end:]
    left = left.replace(b"<p:gone xmlns:p='urn:p'\n/>", b"!")

    assert spliced(NASTY, CutsGone(), size) == left


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_elements_are_replaced_by_their_text_and_tags_in_their_place(size: int) -> None:
    document = b"<r><ref>old</ref><ref >o<!-- -->l</ref><ref/><t a='1'/><t b='1'>1</t><u/><ref>old</ref ></r>"

    assert spliced(document, Renames(), size) == (
        b"<r><ref>new</ref><ref >o<!-- -->l</ref><ref/><t a='2222'/><t b='2222'>1</t><new/><u/><ref>new</ref></r>"
    )


@pytest.mark.parametrize("encoding", ["iso-8859-1", "iso-8859-15", "windows-1252", "us-ascii"])
def test_encodings_stay_what_they_are(encoding: str) -> None:
    text = "e" if encoding == "us-ascii" else "é"
    document = f"<?xml version='1.0' encoding='{encoding}'?><r>{text}<gone>{text}</gone>{text}</r>".encode(encoding)

    assert spliced(document, CutsGone(), 4) == document.replace(f"<gone>{text}</gone>".encode(encoding), b"!")


@pytest.mark.parametrize("size", [64 + 32, 10_000])
def test_utf_16_becomes_utf_8_and_says_so(size: int) -> None:
    document = "<?xml version='1.0' encoding='UTF-16'?><r>é€<gone>é</gone>é</r>".encode("utf-16")

    assert spliced(document, CutsGone(), size).decode() == "<?xml version='1.0' encoding=\"UTF-8\"?><r>é€!é</r>"


def test_what_is_not_xml_is_not_copied_as_if_it_were() -> None:
    with pytest.raises(expat.ExpatError):
        spliced(b"<r><gone></r>", CutsGone(), 4)


@pytest.mark.parametrize("size", [1, 2, 5, 10_000])
def test_comments_and_instructions_are_dropped_wherever_they_stand(size: int) -> None:
    document = (
        "<?xml version='1.0' encoding='ISO-8859-1'?><!-- é --><r><!-- a --><?ours x?><t a='1'/><?theirs y>?><!--b-->"
        "<ref>o<!-- <ref/> -->ld</ref><ref>é<!-- c -->é</ref><u/><!----></r><!-- d --><?theirs?>"
    ).encode("iso-8859-1")
    out = BytesIO()

    Splicer(out, Renames(), lambda target, _: target == "ours").copy(pieces(document, size))

    assert out.getvalue() == (
        "<?xml version='1.0' encoding='ISO-8859-1'?><r><?ours x?><t a='2222'/>"
        "<ref>new</ref><ref>éé</ref><new/><u/></r>"
    ).encode("iso-8859-1")


@pytest.mark.parametrize("size", [1, 64, 10_000])
def test_comments_beside_and_inside_what_is_cut_out_go_too(size: int) -> None:
    out = BytesIO()

    Splicer(out, CutsGone(), lambda *_: False).copy(
        pieces(b"<r><!-- 1 --><gone><!-- 2 --><?x 3?></gone><!-- 4 --><kept/><!-- 5 --></r>", size)
    )

    assert out.getvalue() == b"<r>!<kept/></r>"
