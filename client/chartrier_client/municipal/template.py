"""A flow's template: the agreement it is deposited under, and its management rules, as data.

Retention is law and doctrine, and the Archives départementales own it: a template ships as an example in
`templates/`, to be copied, validated by them, and read back with `read_template`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from chartrier_client.administration import AgreementTerms, RuleCode
from chartrier_client.description import Rule, RuleCategory
from chartrier_client.language import Text
from chartrier_client.municipal.refusal import FlowError

SHIPPED = ("accounting", "staff", "deliberations", "procurement")
"""The flows that have a template here."""


@dataclass(frozen=True, slots=True)
class FlowTemplate:
    """One flow's terms and rules; `more` is what only this flow knows, as its own module reads it."""

    name: str
    agreement: AgreementTerms
    rules: Mapping[str, RuleCode]
    more: Mapping[str, Any]

    def terms(self, establishment: str, *, identifier: str | None = None, sandbox: bool = False) -> AgreementTerms:
        """Return the terms to agree on with an establishment; identifiers are unique in an archive."""
        named = identifier or self.agreement.identifier
        return replace(self.agreement, establishment=establishment, identifier=named, sandbox=sandbox)

    def rule(self, name: str, start: date) -> Rule:
        """Return a rule of the template as a unit bears it; raises `FlowError` where the template has none."""
        if name not in self.rules:
            raise _unusable(
                self.name, Text(f"la règle « {name} » manque au modèle", f"the template has no rule “{name}”")
            )
        known = self.rules[name]
        return Rule(known.category, known.code, start, known.final_action)


def shipped_template(flow: str) -> FlowTemplate:
    """Return the example that ships with the client: one of `SHIPPED`."""
    return _read(flow, files("chartrier_client.municipal") / "templates" / f"{flow}.toml")


def read_template(path: Path) -> FlowTemplate:
    """Read a template somebody edited; raises `FlowError` with what is wrong with it."""
    return _read(path.name, path)


def _read(name: str, source: Traversable | Path) -> FlowTemplate:
    try:
        told = tomllib.loads(source.read_text(encoding="utf-8"))
        agreement, rules = told.pop("agreement"), told.pop("rules")
        # TOML has lists where the terms have tuples.
        terms: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in agreement.items()
        }
        codes = {
            key: RuleCode(rule["code"], RuleCategory(rule["category"]), rule["duration"], rule.get("final_action"))
            for key, rule in rules.items()
        }
        return FlowTemplate(name, AgreementTerms(establishment="", **terms), codes, told)
    except KeyError as error:
        absent = Text(f"{error} manque au modèle", f"the template has no {error}")
        raise _unusable(name, absent) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        unread = Text(f"le modèle ne peut être lu : {error}", f"the template cannot be read: {error}")
        raise _unusable(name, unread) from error


def _unusable(name: str, fault: Text) -> FlowError:
    return FlowError(name, [fault])
