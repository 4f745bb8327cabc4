"""What a record must be called by what it says: one under another name is not what the archive wrote."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid5

from services.storage.decisions import SIGNING_KEYS
from services.storage.domain.key_names import NamedRecord
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messages.ingest import TransferDecidedV1
from shared.messages.message import Message
from shared.messages.storage import AipPurgedV1

ONLY = 1
"""The version of what is decided once."""


def _organisation(told: OrganisationChangedV1) -> NamedRecord:
    owner = told.organisation if told.kind == "establishment" else None
    return NamedRecord(owner, "organisation", told.organisation, told.version)


def _agreement(told: AgreementPublishedV1) -> NamedRecord:
    one = told.agreement
    return NamedRecord(one.establishment, "agreement", one.id, one.version)


def _profile(told: ProfilePublishedV1) -> NamedRecord:
    return NamedRecord(told.establishment, "profile", told.reference.id, told.revision)


def _rules(told: RulesPublishedV1) -> NamedRecord:
    return NamedRecord(None, "rules", told.publication, ONLY)


def _signing_key(told: SigningKeyPublishedV1) -> NamedRecord:
    return NamedRecord(None, "signing-key", uuid5(SIGNING_KEYS, told.kid), ONLY)


def _decision(told: TransferDecidedV1) -> NamedRecord:
    return NamedRecord(told.establishment, "decision", told.transfer_id, ONLY)


def _purge(told: AipPurgedV1) -> NamedRecord:
    return NamedRecord(told.establishment, "purge", told.order_id, ONLY)


_NAMES: Mapping[type[Message], Callable[[Any], NamedRecord]] = {
    OrganisationChangedV1: _organisation,
    AgreementPublishedV1: _agreement,
    ProfilePublishedV1: _profile,
    RulesPublishedV1: _rules,
    SigningKeyPublishedV1: _signing_key,
    TransferDecidedV1: _decision,
    AipPurgedV1: _purge,
}

TOPICS: Mapping[str, type[Message]] = {kind.topic: kind for kind in _NAMES}
"""What a rebuild takes of records, by topic."""


def name_of(message: Message) -> NamedRecord:
    """Return what the record of a message is called."""
    return _NAMES[type(message)](message)
