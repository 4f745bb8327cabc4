"""What libxml2 says of a manifest that is not XML, told to people who have never heard of it."""

import pytest
from lxml import etree

from services.ingest.pipeline.manifest.parser import pull_parser
from services.ingest.pipeline.manifest.xml_errors import told_first, xml_reason


def error_of(document: bytes) -> str:
    parser = pull_parser(("start",), (), None)
    try:
        parser.feed(document)
        parser.close()
    except etree.XMLSyntaxError as error:
        return told_first(error, parser)[1]
    raise AssertionError(document)


@pytest.mark.parametrize(
    ("document", "french", "english"),
    [
        (b"<a>Eau & gaz</a>", "un « & » est écrit tel quel", "an “&” is written as it is"),
        (b"<a>\n&x</a>", "à écrire &amp;", "write &amp;"),
        (b"<a>&eacute;</a>", "l’entité &eacute;", "the entity &eacute;"),
        (b"<a>1 < 2</a>", "un « < » est écrit tel quel", "a “<” is written as it is"),
        (b"<a b='<'/>", "à écrire &lt;", "write &lt;"),
        (b"<a><b></a>", "la balise <b> ouverte ligne 1 est fermée par </a>", "the tag <b> opened at line 1"),
        (b"<a><b>", "le fichier s’arrête avant", "the file stops before"),
        (b"<a", "n’a pas son « > »", "lacks its “>”"),
        (b"<a>\xe9</a>", "n’est pas dans l’encodage", "is not in the encoding"),
        (b"<a/><b/>", "après la fin du message", "after the end of the message"),
        (b"<a>\x01</a>", "un caractère de contrôle", "a control character"),
        (b"<a x='1' x='2'/>", "l’attribut « x » est écrit deux fois", "the attribute “x” is written twice"),
        (b"<a:b/>", "le préfixe « a: » n’est déclaré", "the prefix “a:” is declared by no"),
    ],
)
def test_a_syntax_error_is_told_in_plain_words(document: bytes, french: str, english: str) -> None:
    reason = xml_reason(error_of(document))

    assert french in reason["reason_fr"]
    assert english in reason["reason"]
    assert ", colonne " in reason["reason_fr"]


def test_what_is_not_known_is_told_as_it_was_said() -> None:
    assert xml_reason("Something new, line 3, column 4") == {"reason": "Something new, line 3, column 4"}
