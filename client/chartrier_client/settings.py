"""Where the archive is, who we are and what we usually deposit: flags first, then the environment, then a file.

This is the only module that reads the environment. A JSON file that an archive wrote for a client, named by
`--client-file`, counts as flags: who names it means it.
"""

import json
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chartrier_client.address import fault_of
from chartrier_client.conversation import Credentials
from chartrier_client.language import LANGUAGES, Text

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "base_url": "CHARTRIER_URL",
        "client_id": "CHARTRIER_CLIENT_ID",
        "client_secret": "CHARTRIER_CLIENT_SECRET",
        "language": "CHARTRIER_LANGUAGE",
        "agreement": "CHARTRIER_AGREEMENT",
        "archival_agency": "CHARTRIER_ARCHIVAL_AGENCY",
        "transferring_agency": "CHARTRIER_TRANSFERRING_AGENCY",
        "originating_agency": "CHARTRIER_ORIGINATING_AGENCY",
        "submission_agency": "CHARTRIER_SUBMISSION_AGENCY",
        "seda": "CHARTRIER_SEDA",
        "resumable_from": "CHARTRIER_RESUMABLE_FROM",
    }
)
"""Name of a setting → its variable; in the file the name is that of the setting, `url` for the first."""

DEFAULTS: Final[Mapping[str, str]] = MappingProxyType({"seda": "2.2", "resumable_from": str(64 << 20)})
CREDENTIALS: Final = ("base_url", "client_id", "client_secret")
FLAGS, DEFAULT = "flags", "default"


class SettingsError(Exception):
    """Something needed to reach the archive is missing or wrong; the text says where to put it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it comes from: `flags`, a variable, a file, or `default`."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is set; what is not is absent. `warnings` are what their owner would want to know of the files."""

    known: Mapping[str, Setting]
    config_file: Path | None
    state: Path | None
    warnings: tuple[Text, ...] = ()

    def get(self, name: str) -> str | None:
        """Return a value, None where nobody set it."""
        setting = self.known.get(name)
        return setting.value if setting else None

    def credentials(self) -> Credentials:
        """Return what is needed to reach the archive; raises `SettingsError` with all that is missing."""
        missing = ", ".join(VARIABLES[name] for name in CREDENTIALS if not self.get(name))
        if missing:
            raise SettingsError(
                Text(
                    f"il manque {missing} : dites-les, ou nommez un fichier par --client-file ou --config",
                    f"set {missing}, or name a file with --client-file or --config",
                )
            )
        return Credentials(*(str(self.get(name)) for name in CREDENTIALS))

    def can_ask(self) -> bool:
        """Whether an archive can be asked."""
        return all(self.get(name) for name in CREDENTIALS)


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def gather(
    flags: Mapping[str, str | None],
    client_file: Path | None,
    config: Path | None,
    environment: Mapping[str, str],
) -> Settings:
    """Gather the settings. Raises `SettingsError` for a file that cannot be read, an unknown name, a wrong value."""
    default = _home(environment, "XDG_CONFIG_HOME", ".config")
    file = config or (default / "chartrier" / "config.toml" if default else None)
    from_file = read_config(file) if file and (config or file.is_file()) else {}
    known = {name: Setting(value, DEFAULT) for name, value in DEFAULTS.items()}
    known |= {name: Setting(value, str(file)) for name, value in from_file.items()}
    known |= {name: Setting(environment[each], each) for name, each in VARIABLES.items() if environment.get(each)}
    from_client = read_client_file(client_file) if client_file else {}
    known |= {name: Setting(value, str(client_file)) for name, value in from_client.items()}
    known |= {name: Setting(value, FLAGS) for name, value in flags.items() if value}
    _check(known)
    state = _home(environment, "XDG_STATE_HOME", ".local/state")
    secret = [
        each for each, body in ((file, from_file), (client_file, from_client)) if each and "client_secret" in body
    ]
    return Settings(
        known,
        file if from_file else None,
        state / "chartrier" if state else None,
        tuple(_open_to_others(secret)),
    )


def language_of(flag: str | None, settings: Settings | None, environment: Mapping[str, str]) -> str:
    """Return the language to speak: the one asked for, else that of the locale (POSIX), else French."""
    asked = flag or (settings.get("language") if settings else environment.get(VARIABLES["language"]))
    if asked in LANGUAGES:
        return asked
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "en" if locale.lower().startswith("en") else "fr"


def read_client_file(path: Path) -> dict[str, str]:
    """Read the JSON file that an archive writes for a client (base_url, client_id, client_secret)."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            Text(
                f"{path} ne se lit pas comme un fichier de client : {error}",
                f"{path} cannot be read as a client file: {error}",
            )
        ) from error
    if not isinstance(body, dict):
        raise SettingsError(
            Text(f"{path} n'est pas un fichier de client", f"{path} is not a client file: it holds no JSON object")
        )
    wrong = ", ".join(name for name in CREDENTIALS if not isinstance(body.get(name, ""), str))
    if wrong:
        raise SettingsError(
            Text(f"{path} : il faut des textes pour {wrong}", f"{path}: {wrong} should be words in quotation marks")
        )
    return {name: body[name] for name in CREDENTIALS if body.get(name)}


def read_config(path: Path) -> dict[str, str]:
    """Read a configuration file: the names of `VARIABLES`, `url` for the archive's address, and nothing else."""
    try:
        with path.open("rb") as file:
            body = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise SettingsError(
            Text(
                f"{path} ne se lit pas comme un fichier de configuration (TOML) : {error}",
                f"{path} cannot be read as a configuration file (TOML): {error}",
            )
        ) from error
    names = {"url" if name == "base_url" else name: name for name in VARIABLES}
    unknown = [name for name in body if name not in names]
    wrong = [name for name in body if name in names and not _may_be(names[name], body[name])]
    if unknown or wrong:
        fr, en = [], []
        if unknown:
            fr.append(f"réglages inconnus : {', '.join(sorted(unknown))}")
            en.append(f"unknown settings: {', '.join(sorted(unknown))}")
        if wrong:
            fr.append(f"à écrire entre guillemets : {', '.join(sorted(wrong))}")
            en.append(f"to be written in quotation marks: {', '.join(sorted(wrong))}")
        raise SettingsError(Text(f"{path} : {' ; '.join(fr)}", f"{path}: {'; '.join(en)}"))
    return {names[name]: str(value) for name, value in body.items()}


def _may_be(name: str, value: object) -> bool:
    """Whether a value of a TOML file is one of a setting: numbers are, where they can be written in one way only."""
    # A truth value is an integer to Python, and to nobody else; of other floats the last zero would be lost.
    kinds = (str, int, float) if name == "seda" else (str, int)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _open_to_others(files: Iterable[Path]) -> Iterable[Text]:
    for file in files:
        # Elsewhere than on POSIX the mode says nothing of who may read.
        if os.name == "posix" and file.stat().st_mode & stat.S_IROTH:
            yield Text(
                f"{file} contient un secret que tous les utilisateurs de cette machine peuvent lire : chmod 600",
                f"{file} holds a secret that every user of this machine can read: chmod 600",
            )


def _check(known: Mapping[str, Setting]) -> None:
    url = known.get("base_url")
    fault = fault_of(url.value) if url else None
    if url and fault:
        raise SettingsError(
            Text(f"adresse de l'archive ({url.source}) : {fault.fr}", f"archive's address ({url.source}): {fault.en}")
        )
    for name, allowed in (("language", LANGUAGES), ("seda", ("2.1", "2.2", "2.3"))):
        setting = known.get(name)
        if setting and setting.value not in allowed:
            raise SettingsError(
                Text(
                    f"{name} ({setting.source}) : «{setting.value}» n'est pas parmi {', '.join(allowed)}",
                    f"{name} ({setting.source}): «{setting.value}» is none of {', '.join(allowed)}",
                )
            )
    size = known["resumable_from"]
    if not size.value.isdecimal():
        raise SettingsError(
            Text(
                f"resumable_from ({size.source}) est un nombre d'octets",
                f"resumable_from ({size.source}) is a number of bytes",
            )
        )


def _home(environment: Mapping[str, str], variable: str, below: str) -> Path | None:
    """Return a folder of the user's by the XDG Base Directory specification, None without a home."""
    named, home = environment.get(variable), environment.get("HOME") or environment.get("USERPROFILE")
    return Path(named) if named else Path(home) / below if home else None
