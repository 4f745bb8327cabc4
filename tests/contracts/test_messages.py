"""The contracts between rooms: a golden sample of every version is understood for ever."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import shared.messages
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1, ProfilePublishedV1
from shared.messages.message import Message

ADDED = "added_later"
GOLDEN = Path(__file__).parents[1] / "golden" / "messages"


def every_message() -> list[type[Message]]:
    for module in pkgutil.iter_modules(shared.messages.__path__):
        importlib.import_module(f"shared.messages.{module.name}")
    return sorted(Message.__subclasses__(), key=lambda message: message.topic)


@pytest.mark.parametrize("message", every_message(), ids=lambda message: message.topic)
def test_the_golden_sample_of_a_version_is_still_read_whole(message: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{message.topic}.json").read_text(encoding="utf-8"))

    read = message.model_validate(golden).model_dump(mode="json")

    assert _without_what_came_later(read, golden) == golden


def _without_what_came_later(read: Any, golden: Any) -> Any:  # noqa: ANN401 (values of JSON)
    """Leave out fields that the sample lacks, at any depth."""
    if isinstance(read, dict) and isinstance(golden, dict):
        return {name: _without_what_came_later(value, golden[name]) for name, value in read.items() if name in golden}
    if isinstance(read, list) and isinstance(golden, list) and len(read) == len(golden):
        return [_without_what_came_later(*pair) for pair in zip(read, golden, strict=True)]
    return read


@pytest.mark.parametrize("message", every_message(), ids=lambda message: message.topic)
def test_a_field_of_a_newer_sender_is_passed_over(message: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{message.topic}.json").read_text(encoding="utf-8"))

    read = message.model_validate({**golden, ADDED: 1}).model_dump(mode="json")
    assert without(read) == message.model_validate(golden).model_dump(mode="json")


@pytest.mark.parametrize("message", every_message(), ids=lambda message: message.topic)
def test_a_field_that_a_newer_sender_added_deep_inside_is_passed_over(message: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{message.topic}.json").read_text(encoding="utf-8"))
    known = message.model_validate(golden)

    # What is declared as a plain object keeps whatever comes; a part with fields of its own passes the new one over.
    assert without(message.model_validate(added_everywhere(golden)).model_dump(mode="json")) == known.model_dump(
        mode="json"
    )


@pytest.mark.parametrize("message", [AgreementPublishedV1, OrganisationChangedV1, ProfilePublishedV1])
def test_what_others_keep_is_kept_with_what_a_newer_admin_added(message: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{message.topic}.json").read_text(encoding="utf-8"))
    fact = "agreement" if message is AgreementPublishedV1 else None
    (golden if fact is None else golden[fact])[ADDED] = ["x"]

    kept = message.model_validate(golden).model_dump(mode="json")

    assert (kept if fact is None else kept[fact])[ADDED] == ["x"]


def added_everywhere(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict):
        return {**{name: added_everywhere(inner) for name, inner in value.items()}, ADDED: "x"}
    return [added_everywhere(inner) for inner in value] if isinstance(value, list) else value


def without(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict):
        return {name: without(inner) for name, inner in value.items() if name != ADDED}
    return [without(inner) for inner in value] if isinstance(value, list) else value


def test_versions_stand_in_class_and_topic_alike() -> None:
    for message in every_message():
        version = message.topic.rsplit(".", 1)[1]
        assert message.__name__.endswith(version.upper())


def test_no_two_classes_share_a_topic() -> None:
    topics = [message.topic for message in every_message()]

    assert len(topics) == len(set(topics))


def test_every_golden_sample_has_its_class() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {message.topic for message in every_message()}
