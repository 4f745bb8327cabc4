"""What this client says, in the two languages it says it in."""

import errno
from types import MappingProxyType
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

    # Copies and pickles make it anew from both; typing has no `override` before Python 3.12.
    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[explicit-override, override]
        return (self.fr, self.en)

    @property
    def en(self) -> str:
        """The English sentence."""
        return str(self)

    def said(self, language: str) -> str:
        """Return the sentence in `language`; French is what any other than English gets."""
        return self.en if language == "en" else self.fr


_OF_THE_SYSTEM: Final = MappingProxyType(
    {
        errno.ENOENT: Text("introuvable", "not found"),
        errno.EACCES: Text("accès refusé", "permission denied"),
        errno.EISDIR: Text("est un dossier", "is a folder"),
        errno.ENOTDIR: Text("n'est pas un dossier", "is not a folder"),
        errno.EEXIST: Text("existe déjà", "is there already"),
        errno.ENOSPC: Text("plus de place sur le disque", "no space left on the disk"),
        errno.ENAMETOOLONG: Text("nom trop long", "name too long"),
    }
)


def told(error: BaseException, language: str) -> str:
    """Return what an exception says: our own carry a `Text`, those of an archive are in the language asked for."""
    first = error.args[0] if error.args else None
    if isinstance(first, Text):
        return first.said(language)
    known = _OF_THE_SYSTEM.get(error.errno or 0) if isinstance(error, OSError) else None
    if isinstance(error, OSError) and error.filename is not None and known is not None:
        said = known.said(language)
        return f"{error.filename} : {said}" if language == "fr" else f"{error.filename}: {said}"
    return str(error) or type(error).__name__
