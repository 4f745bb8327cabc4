"""Build SEDA packages, deposit them in a Chartrier archive, find and fetch what it keeps."""

from chartrier_client.answers import ArchivedObject, ArchivedUnit, Copy, Dip, Transfer
from chartrier_client.description import (
    DescriptionError,
    Envelope,
    Keyword,
    Level,
    Rule,
    RuleCategory,
    SedaVersion,
    SourceFile,
    Unit,
)
from chartrier_client.errors import (
    DigestMismatch,
    Finding,
    Problem,
    StillRunning,
    UnexpectedAnswer,
    Unreachable,
)
from chartrier_client.http import Client
from chartrier_client.sip import BuiltSip, SipBuilder

__all__ = [
    "ArchivedObject",
    "ArchivedUnit",
    "BuiltSip",
    "Client",
    "Copy",
    "DescriptionError",
    "DigestMismatch",
    "Dip",
    "Envelope",
    "Finding",
    "Keyword",
    "Level",
    "Problem",
    "Rule",
    "RuleCategory",
    "SedaVersion",
    "SipBuilder",
    "SourceFile",
    "StillRunning",
    "Transfer",
    "UnexpectedAnswer",
    "Unit",
    "Unreachable",
]
