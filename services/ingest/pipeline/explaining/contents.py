"""Ask a content model what may stand where: names in, names out."""

from functools import cache, lru_cache
from typing import Final

from xmlschema.validators import ModelVisitor, XsdElement, XsdGroup

MANY: Final = 256
"""Answers that are remembered: the faults of one manifest are mostly one fault, made in each unit."""

MOST_STEPS: Final = 8
"""Elements, one after another, that are told where a content ends too soon."""


def first_refused(model: XsdGroup, tags: tuple[str, ...]) -> int | None:
    """Return the position of the first of `tags` that may not stand there, their number when more must follow.

    None when they are a whole content.
    """
    visitor = model.get_model_visitor()
    refused = _walk(visitor, tags)
    if refused is None and visitor.element is not None and any(True for _ in visitor.stop()):
        return len(tags)
    return refused


def begins_well(model: XsdGroup, tags: tuple[str, ...]) -> bool:
    """Say whether some content begins with `tags`."""
    return _walk(model.get_model_visitor(), tags) is None


def _walk(visitor: ModelVisitor, tags: tuple[str, ...]) -> int | None:
    """Lead a visitor past `tags`, or return the position of the first at which it stops."""
    for position, tag in enumerate(tags):
        while visitor.element is not None and visitor.match_element(tag) is None:
            if any(True for _ in visitor.advance(False)):  # noqa: FBT003 (xmlschema's own)
                return position
        if visitor.element is None or any(True for _ in visitor.advance(True)):  # noqa: FBT003
            return position
    return None


@cache
def declared(model: XsdGroup) -> tuple[XsdElement, ...]:
    """Return the elements that a model names and a manifest may hold, in the model's order, each name once."""
    named = (each for each in model.iter_elements() if isinstance(each, XsdElement))
    written = (other for each in named for other in (each, *each.iter_substitutes()) if not other.abstract)
    return tuple({each.name: each for each in written}.values())


@lru_cache(MANY)
def may_follow(model: XsdGroup, before: tuple[str, ...]) -> list[str]:
    """Return the names of what may come right after `before`."""
    return [name for each in declared(model) if (name := str(each.name)) and begins_well(model, (*before, name))]


@lru_cache(MANY)
def must_follow(model: XsdGroup, before: tuple[str, ...], after: str | None = None) -> list[str]:
    """Return the names any of which, after `before`, lets `after` follow, or ends the content if there is none."""
    rest = [] if after is None else [after]
    return [
        name
        for name in may_follow(model, before)
        if (begins_well(model, (*before, name, *rest)) if rest else first_refused(model, (*before, name)) is None)
    ]


@lru_cache(MANY)
def lacking(model: XsdGroup, before: tuple[str, ...]) -> list[list[str]]:
    """Return what a content that ends too soon lacks, step by step: of each the names, any of which will do.

    As far as it can be told: behind a choice that none of its names ends, nothing is.
    """
    steps: list[list[str]] = []
    while len(steps) < MOST_STEPS:
        last = must_follow(model, before)
        needed = last or _needed(model, before)
        if needed:
            steps.append(needed)
        if last or len(needed) != 1:
            break
        before = (*before, *needed)
    return steps


def _needed(model: XsdGroup, before: tuple[str, ...]) -> list[str]:
    """Return the names that may follow `before` whatever else does first: the others are there to be left out."""
    following = may_follow(model, before)
    # What is needed comes behind what is not: asked first, it settles most.
    return [
        name
        for name in following
        if all(begins_well(model, (*before, other, name)) for other in reversed(following) if other != name)
    ]


@lru_cache(MANY)
def right_place(model: XsdGroup, before: tuple[str, ...], tag: str) -> int | None:
    """Return the last position among `before` at which `tag` may stand, None if there is none."""
    positions = range(len(before) - 1, -1, -1)
    return next((at for at in positions if begins_well(model, (*before[:at], tag, *before[at:]))), None)
