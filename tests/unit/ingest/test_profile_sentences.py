"""What validators say of a profile, in French; what we do not know stays as it is."""

import pytest

from services.ingest.pipeline.profile_sentences import in_french

SENTENCES = {
    "Did not expect element Custom there": "l’élément « Custom » n’est pas attendu ici",
    "Expecting element Title, got Tag": "l’élément « Title » est attendu, et non « Tag »",
    "Expecting an element Title, got nothing": "un élément « Title » est attendu, et il n’y a rien",
    "Element Content failed to validate content": "le contenu de l’élément « Content » n’est pas celui attendu",
    "Invalid attribute id for element Content": "l’attribut « id » n’est pas permis sur « Content »",
    "Type integer doesn't allow value 'deux'": "« deux » n’est pas une valeur du type integer",
    "assertion test is false (count(b) le 3)": "l’assertion n’est pas vérifiée (count(b) le 3)",
    "Unexpected child with tag 'x' at position 2. Tag 'y' expected.": (
        "l’élément « x », en position 2, n’est pas attendu. Attendu : « y »."
    ),
    "missing required attribute 'code'": "il manque l’attribut « code »",
    "'code' attribute not allowed for element": "l’attribut « code » n’est pas permis",
    "The content of element 'a' is not complete. Tag 'b' expected.": (
        "le contenu de « a » n’est pas complet. Attendu : « b »."
    ),
    "value must be one of ['x', 'y']": "la valeur doit être l’une de ['x', 'y']",
    "Something new of a later version": "Something new of a later version",
}


@pytest.mark.parametrize("english", SENTENCES, ids=range(len(SENTENCES)))
def test_a_sentence_is_told_in_french(english: str) -> None:
    assert in_french(english) == SENTENCES[english]
