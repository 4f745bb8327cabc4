"""Who hears what: every queue and the messages it is bound to.

A broker forgets what no queue is bound for. So whoever publishes declares all of these first, and nothing is
lost that was said before its hearer ever started. Rooms may hear neither more nor less than is written here.
"""

from collections.abc import Mapping

from shared.messages.access import DipOrderedV1
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    PurgeOrderedV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import (
    AipBuiltV1,
    DecisionRemindedV1,
    SipReceivedV1,
    SipRejectedV1,
    TransferAcknowledgedV1,
    TransferCompletedV1,
    TransferDecidedV1,
)
from shared.messages.journal import JournalLinesV1
from shared.messages.message import Message
from shared.messages.proof import DepositRecordedV1, JournalClosedV1, ProofFiledV1
from shared.messages.storage import (
    AipPurgedV1,
    AipStorageRefusedV1,
    AipStoredV1,
    JournalStoredV1,
    ProofStoredV1,
    PurgeBegunV1,
    RestoreTestedV1,
)

HEARD: Mapping[str, tuple[type[Message], ...]] = {
    "ingest.check_sip": (SipReceivedV1,),
    "ingest.keep_agreements": (AgreementPublishedV1,),
    "ingest.follow_aip": (AipStoredV1, AipStorageRefusedV1, AipCataloguedV1, DepositRecordedV1),
    "storage.copy_aip": (AipBuiltV1,),
    "storage.keep_records": (AgreementPublishedV1, OrganisationChangedV1),
    "data_management.take_aip": (AipStoredV1,),
    "proof.keep_lines": (JournalLinesV1,),
    "proof.take_packages": (AipStoredV1,),
    "proof.issue_receipts": (TransferCompletedV1,),
    "proof.note_purges": (AipPurgedV1,),
    "storage.keep_decisions": (RulesPublishedV1, SigningKeyPublishedV1, TransferDecidedV1),
    "storage.keep_journals": (JournalClosedV1,),
    "storage.keep_proofs": (ProofFiledV1,),
    "proof.note_stored": (JournalStoredV1,),
    "proof.note_proofs": (ProofStoredV1,),
    "access.build_dip": (DipOrderedV1,),
    "admin.announce": (
        TransferAcknowledgedV1,
        TransferCompletedV1,
        SipRejectedV1,
        DecisionRemindedV1,
        RestoreTestedV1,
    ),
    "ingest.keep_profiles": (ProfilePublishedV1,),
    "storage.keep_profiles": (ProfilePublishedV1,),
    "storage.purge": (PurgeOrderedV1,),
    "storage.release": (AipCataloguedV1,),
    "data_management.forget": (PurgeBegunV1,),
    "access.forget": (PurgeBegunV1,),
    "ingest.forget": (PurgeBegunV1,),
}

ROUTES: Mapping[str, tuple[str, ...]] = {
    queue: tuple(message.topic for message in messages) for queue, messages in HEARD.items()
}
"""Queue → topics."""
