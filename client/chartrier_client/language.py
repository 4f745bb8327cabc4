"""What this client says, in the two languages it says it in."""

from typing import Final, Self

LANGUAGES: Final = ("fr", "en")


class Text(str):
    """One sentence in French and in English; wherever plain text is wanted it is the English one."""

    __slots__ = ("fr",)
    fr: str

    def __new__(cls, fr: str, en: str) -> Self:
        """Hold both sentences."""
        text = super().__new__(cls, en)
        text.fr = fr
        return text

    @property
    def en(self) -> str:
        """The English sentence."""
        return str(self)

    def said(self, language: str) -> str:
        """Return the sentence in `language`; French is what any other than English gets."""
        return self.en if language == "en" else self.fr


def told(error: BaseException, language: str) -> str:
    """Return what an exception says: our own carry a `Text`, those of Python and of an archive one language."""
    first = error.args[0] if error.args else None
    return first.said(language) if isinstance(first, Text) else str(error) or type(error).__name__
