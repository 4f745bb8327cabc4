"""Which children may stand in an element, in what order: a machine that goes on after a fault."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

State = frozenset[int]
"""Where in its content an element may be."""

ANY: Final = "*"
"""The name of whatever a wildcard allows: any element of another namespace than the grammar's."""

_MOST_NAMES: Final = 10
"""Expected elements that are named, as by libxml2."""

_MOST_KNOWN: Final = 10_000
"""Answers that are remembered; right manifests need a few hundred."""


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
    _begun: State = frozenset()
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
        self._begun = self._begun or self._reached([0])
        return self._begun

    def follow(self, state: State, tag: str, misplaced: Collection[str] = ()) -> tuple[State, str]:
        """Return where one is after the child `tag`, and what is wrong with it in libxml2's words, if anything.

        After a fault all that may explain it stays possible (the child is too many; others are absent before it; its
        name is another's, misspelt), so that one fault is told once and not again of each child that follows. For
        the same reason nothing is wrong where only children lack that came before, `misplaced`.
        """
        after = self._after(state, tag) or self._after(self._with(state, misplaced), tag)
        if after:
            return after, ""
        message = f"Element '{tag}': This element is not expected.{_named(self._expected(state))}"
        return state | (self._past(state, tag) if self.knows(tag) else self._after_any(state)), message

    def end(self, state: State, tag: str, misplaced: Collection[str] = ()) -> str:
        """Return what is wrong with an element `tag` that ends there, in libxml2's words, if anything."""
        if self.last in self._with(state, misplaced):
            return ""
        return f"Element '{tag}': Missing child element(s).{_named(self._expected(state))}"

    def knows(self, tag: str) -> bool:
        """Say whether some element `tag` may stand somewhere in this content."""
        return self._name(tag) in self.names

    def _name(self, tag: str) -> str:
        return tag if tag in self.names or tag.startswith(f"{{{self.namespace}}}") else ANY

    def _after(self, state: State, tag: str) -> State:
        name = self._name(tag)
        return self._known_after(state, name) if name in self.names else frozenset()

    def _after_any(self, state: State) -> State:
        return self._known_after(state, "")

    def _known_after(self, state: State, name: str) -> State:
        """Return where one is after an element of that name; of any name if it is empty."""
        if (state, name) not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            steps = (self._steps[each].items() for each in state)
            ends = (end for each in steps for known, end in each if name in ("", known))
            self._known[state, name] = self._reached(ends)
        return self._known[state, name]

    def _with(self, state: State, names: Collection[str]) -> State:
        """Return where one is after any of `names`, in any order and number."""
        reached: State = frozenset()
        while names and not reached.issuperset(state):
            reached |= state
            state = frozenset().union(*(self._after(state, name) for name in names))
        return reached | state

    def _past(self, state: State, tag: str) -> State:
        """Return where one is after `tag` if as few as need be are absent before it."""
        reached: State = frozenset()
        while not reached.issuperset(state):
            reached |= state
            state = self._after_any(state)
            if after := self._after(state, tag):
                return after
        return frozenset()

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
