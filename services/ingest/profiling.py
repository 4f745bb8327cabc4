"""After its checks, a manifest is judged by its archival profile: in a child, in a time of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.metadata import version
from uuid import UUID

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.profile import ListedProfiles, ProfileReference
from services.ingest.parts import Ingest
from services.ingest.pipeline.profile_check import ProfileOrder
from services.ingest.pipeline.profile_choice import chosen
from services.ingest.profiles import write_content
from services.ingest.slowness import TooSlow
from services.ingest.tasks import Checked, CheckOrder
from shared.profiles.kinds import Kind

Judge = Callable[[ProfileOrder], Awaitable[list[Finding]]]
"""Judges in a child; raises `TooSlow`."""


async def profiled(
    ingest: Ingest, order: CheckOrder, checked: Checked, withdrawn: frozenset[UUID], judge: Judge
) -> Checked:
    """Return what was checked, with what the agreement's profile says of it and which one that was."""
    name = checked.manifest_name
    if checked.header is None or name is None:
        return checked
    agreement = order.agreement
    listed = ListedProfiles(agreement.profiles, agreement.profile_required, withdrawn)
    reference, findings = chosen(listed, checked.header, name)
    if reference is None:
        return replace(checked, findings=(*checked.findings, *findings))
    content = order.header.with_name("profile")
    await write_content(ingest.database, reference, content)
    seda_version = checked.header.seda_version
    asked = ProfileOrder(order.manifest, name, seda_version, reference, content, order.limits)
    try:
        findings = await judge(asked)
    except TooSlow:
        findings = [_too_slow(reference, name, ingest.settings.profile_seconds)]
    software = {"xmlschema": version("xmlschema")} if reference.kind is Kind.XSD_1_1 else {}
    return replace(
        checked,
        findings=(*checked.findings, *findings),
        software=checked.software | software,
        profile=reference.applied,
    )


def _too_slow(reference: ProfileReference, place: str, seconds: int) -> Finding:
    which = {"profile": reference.identifier, "version": str(reference.version)}
    return found("PROFILE_TOO_SLOW", place, **which, limit=str(seconds))
