"""What libxml2 says of RELAX NG, and xmlschema of XSD 1.1, in French; what is not here stays in English."""

import re
from typing import Final

_FRENCH: Final = tuple(
    (re.compile(english), french)
    for english, french in (
        (r"^Did not expect element (\S+) there$", r"l’élément « \1 » n’est pas attendu ici"),
        (r"^Expecting element (\S+), got (\S+)$", r"l’élément « \1 » est attendu, et non « \2 »"),
        (r"^Expecting an element (\S*), got nothing$", r"un élément « \1 » est attendu, et il n’y a rien"),
        (r"^Element (\S+) failed to validate content$", r"le contenu de l’élément « \1 » n’est pas celui attendu"),
        (r"^Element (\S+) failed to validate attributes$", r"les attributs de « \1 » ne sont pas ceux attendus"),
        (r"^Invalid attribute (\S+) for element (\S+)$", r"l’attribut « \1 » n’est pas permis sur « \2 »"),
        (r"^Element (\S+) has extra content: (\S+)$", r"l’élément « \1 » contient en trop : \2"),
        (r"^Expecting (?:a )?text.*$", "un texte est attendu"),
        (r"^Did not expect text in element (\S+) content$", r"un texte n’est pas attendu dans « \1 »"),
        (r"^Type (\S+) doesn't allow value '(.*)'$", r"« \2 » n’est pas une valeur du type \1"),
        (r"^Error validating value\s*(.*)$", r"la valeur n’est pas celle attendue \1"),
        (r"^Error validating datatype (\S+)$", r"la valeur n’est pas du type \1"),
        (r"^Extra element (\S+) in interleave$", r"l’élément « \1 » est en trop"),
        (r"^Invalid sequence in interleave$", "des éléments manquent, ou sont en trop"),
        (r"^assertion test is false", "l’assertion n’est pas vérifiée"),
        (
            r"^Unexpected child with tag '([^']*)' at position (\d+)\.?",
            r"l’élément « \1 », en position \2, n’est pas attendu.",
        ),
        (r"^missing required attribute '([^']*)'$", r"il manque l’attribut « \1 »"),
        (r"^'([^']*)' attribute not allowed for element$", r"l’attribut « \1 » n’est pas permis"),
        (
            r"^The content of element '([^']*)' is not complete\.",
            r"le contenu de « \1 » n’est pas complet.",
        ),
        (r"^value doesn't match any pattern of (.*)$", r"la valeur ne correspond à aucun motif permis : \1"),
        (r"^value must be one of (.*)$", r"la valeur doit être l’une de \1"),
        (r"Tag '([^']*)' expected\.", r"Attendu : « \1 »."),
    )
)


def in_french(message: str) -> str:
    """Return a sentence in French, as far as we know it."""
    for english, ours in _FRENCH:
        message = english.sub(ours, message)
    return message.strip()
