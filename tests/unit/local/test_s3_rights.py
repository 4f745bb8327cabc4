"""The rights that `make up` gives are those that the operator is told to give elsewhere."""

import json
import re
from pathlib import Path

from services.local import s3_rights

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_the_documented_policies_are_those_that_every_test_runs_with() -> None:
    section = OPERATIONS.read_text(encoding="utf-8").partition("### Keys of a bucket and their rights\n")[2]
    documented = [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    ]

    assert documented == [
        json.loads(s3_rights.policy(actions, "chartrier-aips")) for actions in (s3_rights.SERVICE, s3_rights.PURGER)
    ]


def test_whoever_writes_does_not_delete_and_whoever_deletes_does_not_write() -> None:
    service, purger = set(s3_rights.SERVICE), set(s3_rights.PURGER)

    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= purger
    assert not [action for action in service if "Delete" in action or "Bypass" in action or "Policy" in action]
    assert not [action for action in purger if action.startswith(("s3:Put", "s3:GetObject"))]
