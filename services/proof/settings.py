"""What an operator may set for proof, beside what every room has."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.proof.signing.places import DEVELOPMENT, PKCS12, check_place
from shared.object_store.opening import StoreUrl

FEWEST: Final = 2
"""Time-stamping authorities, and time servers, that a probative archive has at least."""

NTP_PORT: Final = 123
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def _time_source(address: str) -> str:
    if not (_split(address) or ("", 0))[1]:
        raise ValueError("host or host:port is expected")
    return address


def _split(address: str) -> tuple[str, int] | None:
    """Return host and port; None for what is neither."""
    try:
        parts = urlsplit(f"//{address}")
        port = NTP_PORT if parts.port is None else parts.port
    except ValueError:
        return None
    return None if parts.path or parts.query or parts.username or not parts.hostname else (parts.hostname, port)


TimeSourceAddress = Annotated[str, AfterValidator(_time_source)]


class AuthoritySettings(BaseModel):
    """A time-stamping authority as the operator declares it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    url: str
    policy: str
    """The OID that its tokens must be under."""
    roots: Path
    """A file (PEM) of the roots that its certificates lead to, and of those between that its tokens may lack."""
    user: str | None = None
    password: SecretStr | None = None
    revocation: Literal["required", "recorded"] = "recorded"
    """Whether a token is refused, or kept and noted, of whose certificates nobody says if they were revoked."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            right = False
        if not right:
            raise ValueError("http://… or https://… is expected")
        return url

    @field_validator("policy")
    @classmethod
    def _oid(cls, policy: str) -> str:
        if _OID.fullmatch(policy) is None:
            raise ValueError("an object identifier is expected, as in 1.2.3.4")
        return policy

    @field_validator("roots")
    @classmethod
    def _has_roots(cls, roots: Path) -> Path:
        # Only where an authority is set: nothing else in settings reads certificates.
        from services.proof.signing.chains import is_root, read_certificates  # noqa: PLC0415 (see above)

        try:
            found = any(map(is_root, read_certificates(roots)))
        except (OSError, ValueError):
            found = False
        if not found:
            raise ValueError("a file (PEM) with a self-signed certificate at least is expected")
        return roots

    @field_validator("user")
    @classmethod
    def _unheard(cls, user: str | None, info: ValidationInfo) -> str | None:
        parts = urlsplit(info.data.get("url", ""))
        # A password goes with each request: in clear it may go no further than this host.
        if user is not None and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("an authority that is asked with a password has an https://… address")
        return user

    @field_validator("password")
    @classmethod
    def _of_somebody(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "user" in info.data and (password is None) != (info.data["user"] is None):
            raise ValueError("an authority is asked with a user and a password, or with neither")
        return password


class ProofSettings(BaseSettings):
    """The patience of proof, its key and its time-stampers, and where containers of lines wait for storage."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore", validate_default=True)

    probative: bool = False
    """Whether what is sealed is to be believed: then nothing that proves nothing may have a part in it."""

    journal_gap_minutes: int = Field(default=5, ge=1)
    """A sender's batch that waits longer than this for the one before it is shown as late."""

    staging_url: StoreUrl

    journal_container_hours: int = Field(default=24, ge=2, le=24 * 31)
    """How long lines may be in this database alone before they leave for the sites."""

    anchor_minutes: int = Field(default=5, ge=1, le=60)
    """How often what all journals have come to is signed, for the sites."""

    seal_hours: int = Field(default=12, ge=1, le=24)
    """How often all journals and the packages since are put under one time-stamp."""

    signer_url: Annotated[str, AfterValidator(check_place)] = DEVELOPMENT
    """``pkcs11:…`` (RFC 7512), ``pkcs12:/file``, or ``development:/folder``; without a folder, a key in memory."""

    signer_certificates: Path | None = None
    """A file (PEM) of the key's certificate and those above it, where the key's own place lacks them."""

    signer_password: SecretStr | None = None
    """Of the PKCS#12 file."""

    tsa: tuple[AuthoritySettings, ...] = ()
    """Time-stamping authorities, in the order in which they are asked in turn; none: the built-in one."""

    time_sources: tuple[TimeSourceAddress, ...] = ()
    """Time servers (NTP) that this host's clock is compared with; none: it is not watched."""

    clock_limit_seconds: float = Field(default=10, ge=2, le=300)
    """How far off this host's clock may be before nothing is sealed, kept or accepted."""

    algorithms: Path | None = None
    """A register of algorithms (TOML) in place of the one that comes with this version."""

    renewal_margin_days: int = Field(default=180, ge=7, le=1000)
    """How long before a time-stamp, or an algorithm, proves nothing any more what rests on it is renewed."""

    renewal_packages_a_minute: int = Field(default=60, ge=1, le=10_000)
    """How many packages are read anew in a minute, at most, while an algorithm is given up."""

    @property
    def time_servers(self) -> tuple[tuple[str, int], ...]:
        """Return host and port of each time server."""
        return tuple(found for one in self.time_sources if (found := _split(one)) is not None)

    @field_validator("signer_url")
    @classmethod
    def _of_a_real_key(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("probative") and url.startswith(DEVELOPMENT):
            raise ValueError("a probative archive signs with pkcs11:… or pkcs12:…, never with a development key")
        return url

    @field_validator("signer_certificates")
    @classmethod
    def _of_certificates(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None:
            from services.proof.signing.chains import is_marked, read_certificates  # noqa: PLC0415 (only where set)

            try:
                marked = any(map(is_marked, read_certificates(file)))
            except (OSError, ValueError):
                raise ValueError("a file of certificates (PEM) is expected") from None
            if info.data.get("probative") and marked:
                raise ValueError("a certificate of the file is of a development key, and proves nothing")
        return file

    @field_validator("signer_password")
    @classmethod
    def _opens(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = info.data.get("signer_url", "")
        if not url.startswith(PKCS12):
            return password
        from services.proof.signing.algorithms import UnusableKey  # noqa: PLC0415
        from services.proof.signing.opening import open_signer  # noqa: PLC0415 (only where it is a file)

        secret = None if password is None else password.get_secret_value()
        try:
            signer = open_signer(url, secret, info.data.get("signer_certificates"))
        except (OSError, UnusableKey) as error:
            raise ValueError(str(error) if isinstance(error, UnusableKey) else "the file cannot be read") from None
        if info.data.get("probative") and not signer.probative:
            raise ValueError("the key of the file is a development key, and proves nothing")
        return password

    @field_validator("tsa")
    @classmethod
    def _several(cls, tsa: tuple[AuthoritySettings, ...], info: ValidationInfo) -> tuple[AuthoritySettings, ...]:
        if len({one.name for one in tsa}) < len(tsa):
            raise ValueError("each authority has a name of its own")
        if info.data.get("probative") and len({one.url for one in tsa}) < FEWEST:
            raise ValueError("a probative archive has two time-stamping authorities at least, none of them built in")
        return tsa

    @field_validator("time_sources")
    @classmethod
    def _watched(cls, sources: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("probative") and len(set(sources)) < FEWEST:
            raise ValueError("a probative archive compares its clock with two time servers at least")
        return sources

    @field_validator("algorithms")
    @classmethod
    def _of_algorithms(cls, file: Path | None) -> Path | None:
        if file is not None:
            from services.proof.algorithms import read_algorithms  # noqa: PLC0415 (only where it is set)

            try:
                read_algorithms(file)
            except OSError:
                raise ValueError("the file cannot be read") from None
        return file
