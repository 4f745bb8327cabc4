"""Requests drawn from a room's own OpenAPI, and its answers held against it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.filters import HasAPIOperation

from chartrier_client.administration import Mandate, create_client
from shared.identity.rights import Role
from shared.rooms import ROOMS
from trials.belongings import Belongings
from trials.towns import Archive

NOT_HELD: Final = (
    # A 422 also says what no schema can: a name is taken, a department does not exist, an end lies before its start.
    "positive_data_acceptance",
    # A client that is deleted is disabled and still shown, for journals name it.
    "use_after_free",
    # A client that is given no mandate is of no town: whoever made it with rights in one does not see it again.
    "ensure_resource_availability",
)
"""The checks of Schemathesis that do not hold, each with its reason; all others do."""

OF_THE_PLATFORM: Final = (
    "GET /proof/v1/journals/senders",
    "GET /storage/v1/space",
    "POST /admin/v1/establishments",
    "POST /admin/v1/organisations",
    "PUT /admin/v1/rules",
)
"""What a right in one town is no right for.

All else is asked by a client of one town: whoever has rights everywhere would disable the administrator in passing,
or suspend the agreement of another test.
"""

ROOMS_OF_THE_PLATFORM: Final = tuple(room for room in ROOMS if any(f" /{room}/" in name for name in OF_THE_PLATFORM))

HALF: Final = 0.5
"""How often a parameter has the value of something that exists."""

PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")


@dataclass(frozen=True)
class Caller:
    """Who asks (nobody known, without a token), and what there is of his by the parameter that names it."""

    token: str | None = None
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """Requests for one operation beyond those that its description makes by itself; which come from `seed`.

    `learning`, it asks with what was answered before: what others do in the archive then makes another run of it.
    Operations `uncovered` are left out of the phase that goes through each value of each field.
    """

    examples: int
    seed: int
    phases: tuple[str, ...] = ("coverage", "fuzzing")
    learning: bool = False
    uncovered: tuple[str, ...] = ()


@dataclass
class Seen:
    """What came of it: answers by operation and status, and what is amiss with the command that shows it again."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    amiss: dict[str, str] = field(default_factory=dict)

    @property
    def operations(self) -> set[str]:
        """Return the operations that answered."""
        return {asked for asked, _ in self.answers}

    def statuses(self, operation: str) -> set[int]:
        """Return the statuses that an operation answered with."""
        return {status for asked, status in self.answers if asked == operation}


def of_town(mine: Belongings) -> Caller:
    """Return the client with every role in a town, who knows what the town has."""
    town = mine.town
    also = {
        "agreement": [town.agreement, town.agreement_identifier],
        "establishment": [town.establishment],
        "reference": [town.agreement, town.establishment],
        "if-match": ['"1"'],
    }
    return Caller(mine.every_role, {name: [known] for name, known in mine.ids.items()} | also)


def of_platform(archive: Archive) -> Caller:
    """Return a client with every role everywhere."""
    with archive.administrator() as admin:
        made = create_client(admin, "tous les rôles partout", [Mandate("*", tuple(Role))])
    return Caller(archive.token(made.client_id, made.client_secret))


def ask(archive: Archive, room: str, caller: Caller, effort: Effort, *, of_the_platform: bool = False) -> Seen:
    """Draw requests from a room's OpenAPI, for what is of the platform or for all else, and check the answers."""
    config = schemathesis.Config.from_dict(_settings(caller, effort))
    schema = schemathesis.openapi.from_url(f"{archive.base_url}/{room}/openapi.json", config=config)

    def is_left_out(drawn: HasAPIOperation) -> bool:
        return (drawn.operation.label in OF_THE_PLATFORM) is not of_the_platform

    seen = Seen()
    # Excluded, either way: beside settings for one operation (`Effort.uncovered`) `include` leaves nothing out.
    for event in from_schema(schema.exclude(is_left_out)).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(seen, event.recorder)
        elif isinstance(event, events.NonFatalError):
            seen.amiss[f"{event.label}: {event.value!r}"] = ""
        elif isinstance(event, events.FatalError):
            raise event.exception
    return seen


def _settings(caller: Caller, effort: Effort) -> dict[str, Any]:
    phases: dict[str, dict[str, Any]] = {name: {"enabled": name in effort.phases} for name in PHASES}
    for name in ("coverage", "fuzzing"):
        phases[name]["extra-data-sources"] = {"responses": effort.learning}
    # Of all methods that a path does not have, one is as good as another.
    phases["coverage"]["unexpected-methods"] = ["OPTIONS"]
    headers = {} if caller.token is None else {"Authorization": f"Bearer {caller.token}"}
    left_out = [{"include-name": name, "phases": {"coverage": {"enabled": False}}} for name in effort.uncovered]
    return {
        "operations": left_out,
        "seed": effort.seed,
        "continue-on-failure": True,
        "headers": headers,
        "checks": {
            **{name: {"enabled": False} for name in NOT_HELD},
            # Which fault is told first is the room's business: another protocol (412), a lock (423), an end (410).
            "negative_data_rejection": {"expected-statuses": ["4xx"]},
        },
        "phases": phases,
        "generation": {"max-examples": effort.examples, "database": "none", "no-shrink": True},
        "dictionaries": {name: {"values": list(values)} for name, values in caller.known.items()},
        "parameters": {name: {"dictionary": name, "probability": HALF} for name in caller.known},
    }


def _note(seen: Seen, recorder: ScenarioRecorder) -> None:
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None and case_id in recorder.cases:
            operation = recorder.cases[case_id].value.operation.label
            seen.answers[operation, interaction.response.status_code] += 1
    for check in (check for checks in recorder.checks.values() for check in checks):
        if check.failure_info is not None:
            failure = check.failure_info.failure
            seen.amiss.setdefault(f"{failure.operation}: {failure}", check.failure_info.code_sample)
