"""Which children may stand in an element, in what order: a machine that goes on after a fault."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

State = frozenset[int]
"""Where in its content an element may be."""

ANY: Final = "*"
"""The name of whatever a wildcard allows: any element of another namespace than the grammar's."""

_MOST_NAMES: Final = 10
"""Expected elements that are named, as by libxml2."""


@dataclass(slots=True)
class ContentModel:
    """The content of one element, as states and the names that lead from one to another.

    It is made with `state`, `link` and `step`, `last` being its end. A number of occurrences above one is taken for
    any number: SEDA has no others.
    """

    namespace: str
    last: int = 0
    names: set[str] = field(default_factory=set)
    _steps: list[dict[str, int]] = field(default_factory=lambda: [{}])
    _links: list[list[int]] = field(default_factory=lambda: [[]])
    _known: dict[tuple[State, str], State] = field(default_factory=dict)

    def state(self) -> int:
        """Return a new state."""
        self._steps.append({})
        self._links.append([])
        return len(self._steps) - 1

    def link(self, start: int, end: int) -> None:
        """Let one be in `end` wherever one is in `start`."""
        self._links[start].append(end)

    def step(self, start: int, name: str) -> int:
        """Let an element lead from `start` to the state that is returned."""
        end = self.state()
        self._steps[start][name] = end
        self.names.add(name)
        return end

    def begun(self) -> State:
        """Return where an element is that has no child yet."""
        return self._reached([0])

    def follow(self, state: State, tag: str) -> tuple[State, str]:
        """Return where one is after the child `tag`, and what is wrong with it in libxml2's words, if anything.

        After an element that lacks, one goes on as if it were there; after one that may not stand there, as if it
        were not.
        """
        after = self._after(state, tag)
        if after:
            return after, ""
        expected = self._expected(state)
        ways = (self._after(self._after(state, name), tag) for name in expected)
        message = f"Element '{tag}': This element is not expected.{_named(expected)}"
        return next((way for way in ways if way), state), message

    def end(self, state: State, tag: str) -> str:
        """Return what is wrong with an element `tag` that ends there, in libxml2's words, if anything."""
        if self.last in state:
            return ""
        return f"Element '{tag}': Missing child element(s).{_named(self._expected(state))}"

    def knows(self, tag: str) -> bool:
        """Say whether some element `tag` may stand somewhere in this content."""
        return self._name(tag) in self.names

    def _name(self, tag: str) -> str:
        foreign = etree.QName(tag).namespace != self.namespace
        return ANY if foreign and tag not in self.names else tag

    def _after(self, state: State, tag: str) -> State:
        name = self._name(tag)
        if name not in self.names:
            return frozenset()
        if (state, name) not in self._known:
            steps = (self._steps[each].get(name) for each in state)
            self._known[state, name] = self._reached(end for end in steps if end is not None)
        return self._known[state, name]

    def _expected(self, state: State) -> list[str]:
        return [*dict.fromkeys(name for each in sorted(state) for name in self._steps[each] if name != ANY)]

    def _reached(self, states: Iterable[int]) -> State:
        waiting = [*states]
        reached = set(waiting)
        while waiting:
            more = [each for each in self._links[waiting.pop()] if each not in reached]
            reached.update(more)
            waiting += more
        return frozenset(reached)


def _named(expected: list[str]) -> str:
    if not expected:
        return ""
    one_of = "one of " if expected[1:] else ""
    return f" Expected is {one_of}( {', '.join(expected[:_MOST_NAMES])}{', ...' if expected[_MOST_NAMES:] else ''} )."
