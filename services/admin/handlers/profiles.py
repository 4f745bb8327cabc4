"""Make profiles, take their versions, approve and withdraw them; agreements list what is approved."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.admin.domain import faults
from services.admin.domain.profile import Profile, ProfileVersion
from services.admin.handlers.journal import event
from services.admin.problems import (
    duplicate,
    everywhere_only,
    not_approved,
    own_version,
    profile_state,
    refuse,
    unknown_establishment,
)
from services.admin.profile_trial import Upload
from services.admin.queries import organisations, profiles
from shared.checksums import sha512_of
from shared.clock import now
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messages.admin import ProfilePublishedV1, ProfileReferenceV1
from shared.messaging.transaction import Transaction
from shared.problems import not_found


async def create(tx: Transaction, caller: Caller, establishment: str | None, identifier: str, name: str) -> Profile:
    """Make a profile of an establishment (its id or identifier), or of the platform.

    Raises a `Problem`: 403 for the platform's, 404 for the establishment, 409 for a taken identifier, 422.
    """
    scope = caller.scope(Permission.AGREEMENT_MANAGE)
    owner = None
    if establishment is not None:
        found = await organisations.find(tx.connection, scope, establishment, "establishment")
        if found is None:
            raise unknown_establishment([establishment])
        owner = found.id
    elif scope.establishments is not None:
        raise everywhere_only()
    new = Profile(new_id(), identifier, owner, name, 0)
    refuse(faults.found((faults.profile_identifier_fault(identifier), faults.name_fault(name))))
    if not await profiles.add(tx.connection, new):
        raise duplicate(identifier)
    tx.journal(event("profile.created", caller.subject, f"profile:{new.id}", owner))
    return new


async def upload(
    tx: Transaction, caller: Caller, profile_id: str, given: Upload, seda_versions: tuple[str, ...]
) -> tuple[ProfileVersion, bool]:
    """Take a version that was tried; return it, and whether it is new: the newest again changes nothing.

    Of one that was withdrawn, by mistake perhaps, the same bytes are another version.
    """
    found = await own(tx, caller, Permission.AGREEMENT_MANAGE, profile_id)
    digest = sha512_of(given.content)
    newest = await profiles.version(tx.connection, found.id, found.version)
    same = newest is not None and (newest.sha512, newest.kind, newest.entry) == (digest, given.kind, given.entry)
    if newest is not None and same and newest.state != "withdrawn":
        return newest, False
    new = ProfileVersion(
        id=new_id(),
        profile=found.id,
        version=found.version + 1,
        kind=given.kind,
        entry=given.entry,
        sha512=digest,
        size=len(given.content),
        seda_versions=seda_versions,
        uploaded_by=caller.subject,
        uploaded_at=now(),
    )
    await profiles.add_version(tx.connection, new, given.content)
    _note(tx, "profile.uploaded", caller, found, new)
    return new, True


async def own(tx: Transaction, caller: Caller, permission: Permission, profile_id: str) -> Profile:
    """Return a profile that the caller may change, locked. Raises 404; 403 for the platform's."""
    scope = caller.scope(permission)
    found = await profiles.find(tx.connection, scope, profile_id, locked=True)
    if found is None:
        raise not_found()
    if found.establishment is None and scope.establishments is not None:
        raise everywhere_only()
    return found


async def approve(
    tx: Transaction, caller: Caller, profile_id: str, number: int, declaration: Mapping[str, Any]
) -> ProfileVersion:
    """Approve a version, which somebody else has uploaded; approved again, it changes nothing."""
    found, version = await _locked(tx, caller, profile_id, number)
    if version.state == "approved":
        return version
    if version.state != "draft":
        raise profile_state(version.state)
    if version.uploaded_by == caller.subject:
        raise own_version()
    values = {"state": "approved", "approved_by": caller.subject, "approved_at": now(), **declaration}
    return await _change(tx, caller, found, version, values)


async def withdraw(tx: Transaction, caller: Caller, profile_id: str, number: int, reason: str) -> ProfileVersion:
    """Withdraw an approved version: it judges nothing any more; withdrawn again, it changes nothing."""
    found, version = await _locked(tx, caller, profile_id, number)
    if version.state == "withdrawn":
        return version
    if version.state != "approved":
        raise profile_state(version.state)
    values = {"state": "withdrawn", "withdrawn_by": caller.subject, "withdrawn_at": now(), "reason": reason}
    return await _change(tx, caller, found, version, values)


async def listed(
    tx: Transaction, establishment: UUID, wanted: Sequence[Mapping[str, Any]]
) -> tuple[ProfileReferenceV1, ...]:
    """Return the versions that an agreement is to list. Raises a 422 `Problem` for what is not there, or approved."""
    found = []
    problems = []
    for place, each in enumerate(wanted):
        profile = await profiles.open_to(tx.connection, establishment, each["profile"])
        version = None if profile is None else await profiles.version(tx.connection, profile.id, each["version"])
        if profile is None or version is None or version.state != "approved":
            state = None if version is None else version.state
            problems.append(not_approved(place, each["profile"], each["version"], state))
        else:
            found.append(reference(profile, version))
    refuse(problems)
    return tuple(found)


def reference(profile: Profile, version: ProfileVersion) -> ProfileReferenceV1:
    """Return by what other rooms know a version."""
    return ProfileReferenceV1(
        id=version.id,
        profile=profile.id,
        identifier=profile.identifier,
        version=version.version,
        kind=version.kind.value,
        sha512=version.sha512,
        size=version.size,
        seda_versions=version.seda_versions,
        entry=version.entry,
    )


async def _locked(tx: Transaction, caller: Caller, profile_id: str, number: int) -> tuple[Profile, ProfileVersion]:
    found = await own(tx, caller, Permission.PROFILE_APPROVE, profile_id)
    version = await profiles.version(tx.connection, found.id, number, locked=True)
    if version is None:
        raise not_found()
    return found, version


async def _change(
    tx: Transaction, caller: Caller, profile: Profile, version: ProfileVersion, values: Mapping[str, Any]
) -> ProfileVersion:
    await profiles.change(tx.connection, version.id, values)
    changed = await profiles.version(tx.connection, profile.id, version.version)
    if changed is None or changed.state == "draft":
        raise AssertionError(f"version {version.id} of a profile is gone")
    tx.post(
        ProfilePublishedV1(
            reference=reference(profile, changed),
            establishment=profile.establishment,
            name=profile.name,
            state=changed.state,
            revision=1 if changed.state == "approved" else 2,
            approved_by=changed.approved_by or "",
            declared=changed.declared,
            declared_on=changed.declared_on,
            withdrawn_by=changed.withdrawn_by,
            reason=changed.reason,
        )
    )
    _note(tx, f"profile.{changed.state}", caller, profile, changed)
    return changed


def _note(tx: Transaction, action: str, caller: Caller, profile: Profile, version: ProfileVersion) -> None:
    details: dict[str, str | int] = {"version": version.version, "sha512": version.sha512}
    if version.declared is not None:
        details["declared_sha512"] = sha512_of(version.declared.encode())
    tx.journal(event(action, caller.subject, f"profile:{profile.id}", profile.establishment, details))
