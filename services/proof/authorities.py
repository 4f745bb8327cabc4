"""The key and the time-stampers that the settings name."""

from collections.abc import Callable
from datetime import timedelta

from services.proof.algorithms import DEFAULTS, Algorithms, read_algorithms
from services.proof.clock import Clock
from services.proof.settings import AuthoritySettings, ProofSettings
from services.proof.signing.chains import is_root, read_certificates
from services.proof.signing.opening import open_signer
from services.proof.signing.places import folder_of
from services.proof.signing.port import ProofSigner
from services.proof.sntp import TimeSource
from services.proof.stamping.authority import Authority, RemoteAuthority
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.measures import show_drift
from services.proof.stamping.stamper import Stamper


def signer_of(settings: ProofSettings) -> ProofSigner:
    """Return the archive's key. Raises OSError where its file or folder is not as it was."""
    password = settings.signer_password
    secret = None if password is None else password.get_secret_value()
    return open_signer(settings.signer_url, secret, settings.signer_certificates, probative=settings.probative)


def stamper_of(
    settings: ProofSettings, fetcher: Fetcher, drifted: Callable[[str, timedelta], None] = show_drift
) -> Stamper:
    """Return who asks the time-stamping authorities; the built-in one where none is set. Raises OSError.

    `drifted` hears by how much each one's clock is ahead of ours: `Clock.hear`.
    """
    authorities: list[Authority] = [_remote(one, fetcher) for one in settings.tsa]
    return Stamper(
        authorities or [BuiltinAuthority(folder_of(settings.signer_url))],
        fetcher,
        farthest=timedelta(seconds=settings.clock_limit_seconds),
        drifted=drifted,
    )


def _remote(declared: AuthoritySettings, fetcher: Fetcher) -> RemoteAuthority:
    known = read_certificates(declared.roots)
    password = declared.password
    return RemoteAuthority(
        name=declared.name,
        url=declared.url,
        policy=declared.policy,
        anchors=tuple(one for one in known if is_root(one)),
        others=tuple(one for one in known if not is_root(one)),
        fetcher=fetcher,
        auth=None if password is None else (declared.user or "", password.get_secret_value()),
        requires_revocation=declared.revocation == "required",
    )


def clock_of(settings: ProofSettings) -> Clock:
    """Return this host's clock, compared with the time servers that are set."""
    sources = [TimeSource(host, port) for host, port in settings.time_servers]
    return Clock(sources, timedelta(seconds=settings.clock_limit_seconds))


def algorithms_of(settings: ProofSettings) -> Algorithms:
    """Return the register of algorithms in force. Raises OSError where its file is not as it was."""
    return read_algorithms(settings.algorithms or DEFAULTS)
