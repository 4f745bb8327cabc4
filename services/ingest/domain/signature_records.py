"""The report on signatures as plain JSON values, to be kept between check and build."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.ingest.domain.signatures import (
    Fault,
    SignatureReport,
    SignatureResult,
    SignerCertificate,
    SubIndication,
)

_LISTS = ("covers", "documents", "algorithms")


def report_to_json(report: SignatureReport) -> dict[str, Any]:
    """Write a report as JSON values."""
    return asdict(report)


def report_of_json(values: Mapping[str, Any]) -> SignatureReport:
    """Read a report back."""
    lists = {name: tuple(values[name]) for name in ("anchors", "revocation_lists")}
    rules = {rule: (texts[0], texts[1]) for rule, texts in values["rules"].items()}
    results = tuple(map(_result, values["results"]))
    return SignatureReport(**{**values, **lists, "rules": rules, "results": results})


def _result(values: Mapping[str, Any]) -> SignatureResult:
    certificate = values["certificate"]
    return SignatureResult(
        **{
            **values,
            **{name: tuple(values[name]) for name in _LISTS},
            # A release before this one had no chain.
            "chain": tuple(values.get("chain", ())),
            "certificate": None if certificate is None else SignerCertificate(**certificate),
            "fault": _fault(values["fault"]),
            "time_stamp_fault": _fault(values["time_stamp_fault"]),
        }
    )


def _fault(values: Mapping[str, Any] | None) -> Fault | None:
    return (
        None if values is None else Fault(SubIndication(values["sub_indication"]), values["rule"], values["details"])
    )
