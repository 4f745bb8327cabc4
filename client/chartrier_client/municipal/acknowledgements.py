"""The accountant's acknowledgement of a PES flow: PES_ACQUIT as Hélios sends it, or a PES_Retour of the same name."""

from pathlib import Path

from chartrier_client.language import Text
from chartrier_client.municipal.one_pass import NotOurs, read_in_one_pass
from chartrier_client.municipal.refusal import FlowError

# By local name alone: gateways write the root in the protocol's namespaces, or in none.
_ROOTS = ("PES_ACQUIT", "PES_RETOUR")


def refuse_another(acknowledgement: Path, flow_name: str) -> None:
    """Raise `FlowError` unless a file is the acknowledgement of the flow of that name (`NomFic`)."""
    reading = _Reading(flow_name)
    read_in_one_pass(acknowledgement, reading)
    if not reading.is_named:
        first = reading.first or "—"
        other = Text(
            f"cet acquittement est celui de {first}, et non du flux {flow_name}",
            f"this acknowledgement is that of {first}, not of the flow {flow_name}",
        )
        raise FlowError(acknowledgement.name, [other])


class _Reading:
    """Whether the flow was named so far, and the first that was."""

    def __init__(self, flow_name: str) -> None:
        self.is_named = False
        self.first = ""
        self._wanted = _plain(flow_name)
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._inside:
            if not local.upper().startswith(_ROOTS):
                raise NotOurs(
                    f"la racine est « {name} », et non PES_ACQUIT ou PES_Retour",
                    f"the root is “{name}”, not PES_ACQUIT or PES_Retour",
                )
            self._inside = True
        elif local == "NomFic":
            named = attributes.get("V", "").strip()
            self.first = self.first or named
            self.is_named = self.is_named or _plain(named) == self._wanted

    def end(self, _name: str) -> None:
        """Nothing ends that matters."""


def _plain(name: str) -> str:
    # Some write the name of the file, others the name of the flow.
    return name.lower().removesuffix(".xml")
