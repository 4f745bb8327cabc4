"""Outcomes for the tests of the report, sound unless told otherwise."""

from bench.figures import Figure, Outcome, Verdict
from bench.processes import DEPOSITOR, S3_SITE, Usage, Watched


def an_outcome(*, rate: float = 20.0) -> Outcome:
    usages = (
        Usage("ingest", 1, 4.0, 120 << 20, 90 << 20, ours=True),
        Usage("postgres ingest", 6, 2.0, 500 << 20, 8 << 20, ours=False),
        Usage(S3_SITE, 2, 0.0, 800 << 20, 700 << 20, ours=False),
        Usage(DEPOSITOR, 1, 1.0, 900 << 20, 60 << 20, ours=False),
    )
    return Outcome(
        mode="full-stack",
        workload="small",
        deposits=100,
        figures=(Figure("rate", rate, "SIP/s"),),
        verdicts=(Verdict("W-small SIP/s", rate, 15.0, at_most=False),),
        watched=Watched(10.0, usages, 700 << 20),
    )
