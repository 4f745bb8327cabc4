"""Explain elements that are too many, absent, unknown or out of order."""

from difflib import get_close_matches

from lxml import etree
from xmlschema.validators import XsdGroup

from services.ingest.pipeline.explaining.contents import (
    declared,
    first_refused,
    lacking,
    may_follow,
    must_follow,
    right_place,
)
from services.ingest.pipeline.explaining.grammar import child_of, model_of
from services.ingest.pipeline.explaining.kinds_of_values import Words
from services.ingest.pipeline.explaining.places import Place, Told, clipped, one_of, shown

LIKENESS = 0.7
"""How alike two names must be for one to be taken for the other: “Titre” and “Title” are."""


def unexpected(place: Place, _: str) -> Told | None:
    """Explain an element that may not stand where it does."""
    model = None if place.around is None else model_of(place.around)
    if model is None or place.around is None or place.parent is None:
        return None
    tag = str(place.element.tag)
    # Those that do not exist are told of by themselves; what comes after them is looked at without them.
    before = tuple(
        str(child.tag) for child in place.parent[:-1] if child_of(place.around, str(child.tag)) is not None
    )
    if first_refused(model, (*before, tag)) != len(before):
        return None
    if place.declared is None:
        return _unknown(place, model, before)
    missing = must_follow(model, before, tag)
    if missing:
        return _absent(one_of(missing), place.parent_name, place.name)
    if tag in before and place.declared.max_occurs == 1:
        return _repeated(place)
    return _out_of_order(place, model, before)


def incomplete(place: Place, _: str) -> Told | None:
    """Explain an element that ended before all that it must hold."""
    model = None if place.declared is None else model_of(place.declared)
    children = tuple(str(child.tag) for child in place.element)
    if model is None or first_refused(model, children) != len(children):
        return None
    steps = [one_of(names) for names in lacking(model, children) or [may_follow(model, children)] if names]
    missing = Words(", puis ".join(step.fr for step in steps), ", then ".join(step.en for step in steps))
    return _absent(missing, place.name) if steps else None


def _unknown(place: Place, model: XsdGroup, before: tuple[str, ...]) -> Told:
    name, parent = place.name, place.parent_name
    namespace = etree.QName(place.element).namespace or ""
    known = {str(each.local_name): etree.QName(str(each.name)).namespace or "" for each in declared(model)}
    if known.get(name, namespace) != namespace:
        return _foreign(place, namespace, known[name])
    allowed = one_of(may_follow(model, before))
    fr, en = f"« {name} » n’existe pas dans « {parent} »", f"“{name}” does not exist in “{parent}”"
    meant = _meant(name, known)
    if meant:
        what = Words(f"{fr} ; s’agit-il de « {meant} » ?", f"{en}; did you mean “{meant}”?")
        return Told(what, name, allowed)
    return Told(Words(f"{fr}. {_allowed(allowed).fr}", f"{en}. {_allowed(allowed).en}"), name, allowed)


def _meant(name: str, known: dict[str, str]) -> str:
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=LIKENESS)
    return by_lower[close[0]] if close else ""


def _foreign(place: Place, namespace: str, ours: str) -> Told:
    name, said = place.name, clipped(namespace)
    fr = f"« {name} » est écrit {f'dans l’espace de noms « {said} »' if said else 'hors de tout espace de noms'}"
    en = f"“{name}” is written {f'in the namespace “{said}”' if said else 'outside of any namespace'}"
    return Told(
        Words(f"{fr}, et non dans celui du SEDA (« {ours} »).", f"{en}, and not in that of SEDA (“{ours}”)."),
        f"{name} ({said})",
        Words(f"{name} ({ours})", f"{name} ({ours})"),
    )


def _absent(missing: Words, parent: str, before: str = "") -> Told:
    fr, en = (f", avant « {before} »", f", before “{before}”") if before else ("", "")
    what = Words(f"il manque dans « {parent} »{fr} : {missing.fr}.", f"“{parent}” lacks {missing.en}{en}.")
    return Told(what, before, missing)


def _repeated(place: Place) -> Told:
    name, parent = place.name, place.parent_name
    what = Words(
        f"« {name} » est répété : « {parent} » n’en admet qu’un.", f"“{name}” is repeated: “{parent}” takes only one."
    )
    return Told(what, name, Words(f"un seul « {name} »", f"only one “{name}”"))


def _out_of_order(place: Place, model: XsdGroup, before: tuple[str, ...]) -> Told:
    name, parent = place.name, place.parent_name
    position = right_place(model, before, str(place.element.tag))
    if position is None:
        allowed = one_of(may_follow(model, before))
        fr = f"« {name} » n’est pas permis à cette place de « {parent} »"
        en = f"“{name}” is not allowed at this place of “{parent}”"
        return Told(Words(f"{fr}. {_allowed(allowed).fr}", f"{en}. {_allowed(allowed).en}"), name, allowed)
    follows = shown(before[position])
    what = Words(
        f"« {name} » n’est pas à sa place dans « {parent} » : il doit venir avant « {follows} ».",
        f"“{name}” is out of order in “{parent}”: it must come before “{follows}”.",
    )
    return Told(what, name, Words(f"« {name} » avant « {follows} »", f"“{name}” before “{follows}”"))


def _allowed(allowed: Words) -> Words:
    if not allowed.en:
        return Words("Rien n’est permis à cette place.", "Nothing is allowed there.")
    return Words(f"Permis à cette place : {allowed.fr}.", f"Allowed there: {allowed.en}.")
