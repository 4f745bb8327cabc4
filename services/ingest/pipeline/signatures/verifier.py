"""Whether a value is the signature of bytes by a key, by pyHanko; of messages, certificates, lists and answers."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator
from typing_extensions import override


class Verifier(DefaultSignatureValidator):
    """pyHanko's own, which asserts that a key is of the kind that a signature asks for: a forger's is of any."""

    @override
    def validate_signature(self, *args: object, **words: object) -> None:
        """Verify one. Raises `InvalidSignature` where it is none by this key."""
        try:
            super().validate_signature(*args, **words)  # type: ignore[arg-type] # passed on
        except (AssertionError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm) as error:
            raise InvalidSignature from error
