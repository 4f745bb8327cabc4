"""The checks of a SIP, in the order their findings are told; `judge.py` runs them."""

from collections.abc import Callable, Iterable
from typing import Final

from services.ingest.domain.findings import Finding
from services.ingest.pipeline.check_agencies import check_agencies
from services.ingest.pipeline.check_agreement_limits import check_agreement_limits
from services.ingest.pipeline.check_cycles import check_cycles
from services.ingest.pipeline.check_dates import check_dates
from services.ingest.pipeline.check_digests import check_digests
from services.ingest.pipeline.check_files import check_files
from services.ingest.pipeline.check_formats import check_formats
from services.ingest.pipeline.check_future_dates import check_future_dates
from services.ingest.pipeline.check_header import check_header
from services.ingest.pipeline.check_identifiers import check_identifiers
from services.ingest.pipeline.check_masters import check_masters
from services.ingest.pipeline.check_orphans import check_orphans
from services.ingest.pipeline.check_physical_ids import check_physical_ids
from services.ingest.pipeline.check_references import check_references
from services.ingest.pipeline.check_refused_rules import check_refused_rules
from services.ingest.pipeline.check_rule_dates import check_rule_dates
from services.ingest.pipeline.check_rules import check_rules
from services.ingest.pipeline.check_sizes import check_sizes
from services.ingest.pipeline.check_titles import check_titles
from services.ingest.pipeline.check_usages import check_usages
from services.ingest.pipeline.sip import Sip

Check = Callable[[Sip], Iterable[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    check_header,
    check_agencies,
    check_identifiers,
    check_references,
    check_cycles,
    check_orphans,
    check_files,
    check_digests,
    check_sizes,
    check_usages,
    check_masters,
    check_physical_ids,
    check_formats,
    check_titles,
    check_dates,
    check_future_dates,
    check_rules,
    check_rule_dates,
    check_refused_rules,
    check_agreement_limits,
)
"""All of them, always: a check without its data (files not measured) has nothing to say.

They give their findings one by one, as many as there are: whoever asks keeps some, and counts the others.
"""
