"""What libxml2 says of an XML that is not well formed, said to a person who does not know libxml2."""

import re
from typing import Final

from lxml import etree

_POSITION: Final = re.compile(r"(?: in tag (?P<tag>\S+) line \d+)?, line \d+, column (?P<column>\d+)\Z")

# Pattern, French, English; what is not here is told in libxml2's own words.
_SENTENCES: Final = tuple(
    (re.compile(pattern), french, english)
    for pattern, french, english in (
        (
            r"xmlParseEntityRef: no name|EntityRef: expecting ';'",
            "un « & » est écrit tel quel dans un texte (à écrire &amp;)",
            "an “&” is written as it is in a text (write &amp;)",
        ),
        (
            r"Entity '(.+?)' not defined",
            "l’entité &\\1; n’est pas définie en XML (écrire le caractère lui-même)",
            "the entity &\\1; is not defined in XML (write the character itself)",
        ),
        (
            r"StartTag: invalid element name|Unescaped '<' not allowed in attributes values",
            "un « < » est écrit tel quel dans un texte (à écrire &lt;)",
            "a “<” is written as it is in a text (write &lt;)",
        ),
        (
            r"Opening and ending tag mismatch: (\S+) line (\d+) and (\S+?),?$",
            "la balise <\\1> ouverte ligne \\2 est fermée par </\\3>",
            "the tag <\\1> opened at line \\2 is closed by </\\3>",
        ),
        (
            r"Premature end of data",
            "le fichier s’arrête avant que toutes ses balises soient fermées",
            "the file stops before all its tags are closed",
        ),
        (
            r"Couldn't find end of Start Tag",
            "le fichier s’arrête, ou une balise n’a pas son « > »",
            "the file stops, or a tag lacks its “>”",
        ),
        (
            r"Invalid bytes in character encoding|Input is not proper UTF-8.*",
            "un caractère n’est pas dans l’encodage que le fichier annonce (UTF-8 s’il n’en annonce pas)",
            "a character is not in the encoding that the file announces (UTF-8 if it announces none)",
        ),
        (
            r"Extra content at the end of the document",
            "il y a du texte ou des balises après la fin du message",
            "there is text, or tags, after the end of the message",
        ),
        (
            r"PCDATA invalid Char value (\d+)|Char 0x(\w+) out of allowed range",
            "un caractère de contrôle, que XML interdit, est dans un texte",
            "a control character, which XML forbids, is in a text",
        ),
        (r"Document is empty", "le fichier est vide", "the file is empty"),
        (
            r"Attribute (\S+) redefined",
            "l’attribut « \\1 » est écrit deux fois dans une balise",
            "the attribute “\\1” is written twice in a tag",
        ),
        (
            r"Namespace prefix (\S+) .*is not defined",
            "le préfixe « \\1: » n’est déclaré par aucun xmlns:\\1",
            "the prefix “\\1:” is declared by no xmlns:\\1",
        ),
    )
)


def told_first(error: etree.XMLSyntaxError, parser: etree.XMLPullParser) -> tuple[int, str]:
    """Return line and message of a syntax error.

    Of an entity that is not defined libxml2 only takes note, and lxml says in the end that there is no element.
    """
    if not error.lineno:
        for entry in parser.feed_error_log:
            return entry.line, f"{entry.message}, line {entry.line}, column {entry.column}"
    return error.lineno or 1, error.msg or ""


def xml_reason(message: str) -> dict[str, str]:
    """Return the reason of a syntax error as parameters of a finding: in English, and in French if we know how."""
    position = _POSITION.search(message)
    said = message[: position.start()] if position else message
    column = f", colonne {position['column']}" if position else ""
    for pattern, french, english in _SENTENCES:
        match = pattern.match(said)
        if match is not None:
            reason, reason_fr = match.expand(english), match.expand(french)
            return {
                "reason": (reason + column.replace("colonne", "column"))[:300],
                "reason_fr": (reason_fr + column)[:300],
            }
    return {"reason": message[:300]}
