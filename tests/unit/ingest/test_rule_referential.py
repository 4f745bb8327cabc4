"""The rule referential as ingest sees it: admin's, or none yet; never an empty one by accident."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.ingest.adapters import rules
from services.ingest.adapters.rules import RuleReferential
from shared.calls import RoomCalls, RoomUnavailable


@dataclass
class Admin:
    """Answers as admin's route does; None stands for a 404."""

    answers: list[Any]
    asked: list[str] = field(default_factory=list)

    async def get_json(self, room: str, path: str) -> Any:  # noqa: ANN401 (JSON is what it is)
        self.asked.append(f"{room} {path}")
        return self.answers.pop(0)


def referential(admin: Admin) -> RuleReferential:
    return RuleReferential(cast(RoomCalls, admin))


RULE = {"code": "APP-1", "category": "AppraisalRule"}


async def test_a_referential_that_is_not_there_is_waited_for_and_not_remembered() -> None:
    known = referential(Admin([None, [RULE]]))

    with pytest.raises(RoomUnavailable):
        await known.categories()

    assert await known.categories() == {"APP-1": "AppraisalRule"}


async def test_an_empty_referential_is_one() -> None:
    assert await referential(Admin([[]])).categories() == {}


async def test_a_rule_just_published_is_known_after_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    time = 100.0
    monkeypatch.setattr(rules, "time", SimpleNamespace(monotonic=lambda: time))
    admin = Admin([[], [RULE]])
    known = referential(admin)

    assert await known.categories() == {}
    time = 109.0
    assert await known.categories() == {}
    time = 110.5
    assert await known.categories() == {"APP-1": "AppraisalRule"}
    assert admin.asked == ["admin /admin/v1/rules"] * 2
