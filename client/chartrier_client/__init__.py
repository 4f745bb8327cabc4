"""Build SEDA packages, deposit them in a Chartrier archive, find and fetch what it keeps."""

from chartrier_client.answers import ArchivedObject, ArchivedUnit, Copy, Dip, Transfer
from chartrier_client.async_http import AsyncClient
from chartrier_client.checking.check import CheckReport, check_sip
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
    UploadError,
)
from chartrier_client.folders import FolderPlan, build_from_folder
from chartrier_client.http import Client
from chartrier_client.metadata.faults import Fault, MetadataError
from chartrier_client.sip import BuiltSip, SipBuilder
from chartrier_client.upload_memory import UploadMemory
from chartrier_client.uploads import Upload

__all__ = [
    "ArchivedObject",
    "ArchivedUnit",
    "AsyncClient",
    "BuiltSip",
    "CheckReport",
    "Client",
    "Copy",
    "DescriptionError",
    "DigestMismatch",
    "Dip",
    "Envelope",
    "Fault",
    "Finding",
    "FolderPlan",
    "Keyword",
    "Level",
    "MetadataError",
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
    "Upload",
    "UploadError",
    "UploadMemory",
    "build_from_folder",
    "check_sip",
]
