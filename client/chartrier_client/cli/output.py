"""What a command prints: JSON for programs, sentences for people, complaints where complaints go."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TextIO

from chartrier_client.errors import Finding
from chartrier_client.language import Text
from chartrier_client.metadata.faults import Fault
from chartrier_client.progress import Bar, bar


@dataclass(frozen=True, slots=True)
class Output:
    """Prints in one language, or in JSON and nothing else."""

    language: str
    json: bool

    def tell(self, body: Mapping[str, Any], *lines: str) -> None:
        """Print the answer: `body` as JSON, or the lines."""
        told = [line.said(self.language) if isinstance(line, Text) else line for line in lines]
        _line(sys.stdout, json.dumps(body, ensure_ascii=False, indent=2) if self.json else "\n".join(told))

    def note(self, line: Text) -> None:
        """Say something beside the answer, to people only."""
        if not self.json:
            _line(sys.stderr, line.said(self.language))

    def warn(self, line: Text) -> None:
        """Say what one would not want to overlook, to programs as well: complaints never stand in the answer."""
        _line(sys.stderr, f"chartrier : {line.said(self.language)}")

    def going_on(self, line: Text) -> None:
        """Say how far things are, to people only."""
        if not self.json:
            _line(sys.stdout, line.said(self.language))

    def complain(
        self, message: str, code: str, findings: Sequence[Finding] = (), faults: Sequence[Fault] = ()
    ) -> None:
        """Say what went wrong, with the archive's findings or the faults of a metadata file."""
        if self.json:
            body: dict[str, Any] = {
                "error": message.partition("\n")[0],
                "code": code,
                "findings": [finding_body(row) for row in findings],
            }
            body |= {"faults": [self._fault_body(fault) for fault in faults]} if faults else {}
            _line(sys.stdout, json.dumps(body, ensure_ascii=False, indent=2))
            return
        for line in (f"chartrier : {message}", *map(finding_line, findings)):
            _line(sys.stderr, line)

    def bar(self, label: Text) -> AbstractContextManager[Bar | None]:
        """Show how far bytes are, on a terminal."""
        return bar(sys.stderr, label.said(self.language), self.language, shown=not self.json)

    def _fault_body(self, fault: Fault) -> dict[str, Any]:
        return {
            "file": fault.file,
            "row": fault.row,
            "column": fault.column,
            "header": fault.header,
            "code": fault.code,
            "message": fault.reason.said(self.language),
        }


def finding_body(finding: Finding) -> dict[str, str]:
    """Return a finding as it stands in JSON."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "place": finding.place,
        "message": finding.message,
    }


def finding_line(finding: Finding) -> str:
    """Return a finding as people read it."""
    told = f"  [{finding.severity}] {finding.code} {finding.place} : {finding.message}"
    return f"{told}\n      → {finding.mend}" if finding.mend else told


def _line(out: TextIO, line: str) -> None:
    out.write(line + "\n")
    out.flush()
