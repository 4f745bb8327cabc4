"""BouncyCastle as a verifier of evidence records that is not ours: what we write must convince it.

It looks at digests of all generations, but at the signature of the newest token alone, and asks nobody whether to
trust it: `tests.independent.time_stamps` does the rest.
"""

import base64
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

JARS = [Path("/usr/share/java") / name for name in ("bcpkix.jar", "bcprov.jar", "bcutil.jar")]
PROGRAM = Path(__file__).with_name("Verify.java")


class BouncyCastle:
    """One Java process that answers question after question; close it."""

    def __init__(self) -> None:
        java = shutil.which("java")
        if java is None or not all(jar.exists() for jar in JARS):
            pytest.fail("BouncyCastle is not installed: apt-get install default-jdk-headless libbcpkix-java")
        # A small machine's worth of Java: it starts in a second, and has little to do.
        options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, JARS))]
        self._process = subprocess.Popen(
            [java, *options, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def verdict(self, record: bytes, content: bytes | Sequence[bytes], moment: datetime) -> str:
        """Return ``accepted``, or ``refused`` and why: of one content, or of all that are a group."""
        contents = [content] if isinstance(content, bytes) else content
        words = ["data" if isinstance(content, bytes) else "group", str(int(moment.timestamp() * 1000))]
        words += [base64.b64encode(each).decode() for each in (record, *contents)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer.startswith(("accepted", "refused ")), f"BouncyCastle ended: {self._process.poll()}"
        return answer

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()
