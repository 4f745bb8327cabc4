"""The rule referential as ingest sees it: admin's, or none yet; never an empty one by accident."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.ingest.adapters import rules
from services.ingest.adapters.rules import RuleReferential
from services.ingest.domain.known_rule import KnownRule
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


RULE = {"code": "APP-1", "category": "AppraisalRule", "duration": "P10Y"}


async def test_a_referential_that_is_not_there_is_waited_for_and_not_remembered() -> None:
    known = referential(Admin([None, [RULE]]))

    with pytest.raises(RoomUnavailable):
        await known.rules()

    assert await known.rules() == {"APP-1": KnownRule("AppraisalRule", "P10Y")}


async def test_an_empty_referential_is_one() -> None:
    assert await referential(Admin([[]])).rules() == {}


async def test_a_rule_just_published_is_known_after_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    time = 100.0
    monkeypatch.setattr(rules, "time", SimpleNamespace(monotonic=lambda: time))
    admin = Admin([[], [RULE]])
    known = referential(admin)

    assert await known.rules() == {}
    time = 109.0
    assert await known.rules() == {}
    time = 110.5
    assert await known.rules() == {"APP-1": KnownRule("AppraisalRule", "P10Y")}
    assert admin.asked == ["admin /admin/v1/rules"] * 2


async def test_a_rule_whose_duration_is_not_told_is_known_all_the_same() -> None:
    told = {"code": "APP-1", "category": "AppraisalRule"}

    assert await referential(Admin([[told]])).rules() == {"APP-1": KnownRule("AppraisalRule")}


async def test_for_an_unknown_code_admin_is_asked_again_but_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    time = 100.0
    monkeypatch.setattr(rules, "time", SimpleNamespace(monotonic=lambda: time))
    admin = Admin([[], [], [RULE]])
    known = referential(admin)

    assert await known.rules() == {}
    assert await known.newer() is None
    time = 101.5
    assert await known.newer() is None
    assert await known.newer() is None
    time = 103.0
    assert await known.newer() == {"APP-1": KnownRule("AppraisalRule", "P10Y")}
    assert len(admin.asked) == 3
