"""What can go wrong in ingest besides a wrong deposit, which is told by findings.

IngestError
└── TryAgain                 the world is at fault: a later attempt may succeed
    ├── ScannerUnavailable   the antivirus is down, or does not take what we send
    └── UnusableTrust        the operator's trust anchors for signatures cannot be read
Anything else is our fault: dead-letter the message and wake someone.
"""


class IngestError(Exception):
    """Whatever ingest foresees."""


class TryAgain(IngestError):
    """A failure of the world: nothing is said of the deposit, the work is to be done again later."""


class ScannerUnavailable(TryAgain):
    """The antivirus did not answer, or refused the stream: the file is neither clean nor infected."""


class UnusableTrust(TryAgain):
    """What signatures are to be trusted by cannot be used; its text says what is expected, and shows no setting.

    Found while a room runs, it keeps deposits waiting until it is mended.
    """
