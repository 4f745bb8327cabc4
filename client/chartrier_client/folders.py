"""Turn a folder into a package: folders become record groups, files become items."""

from pathlib import Path

from chartrier_client.description import DescriptionError, Envelope, Level, SedaVersion, SourceFile, Unit
from chartrier_client.sip import BuiltSip, SipBuilder


def build_from_folder(
    folder: Path, out: Path, envelope: Envelope, version: SedaVersion = SedaVersion.V2_2
) -> BuiltSip:
    """Package everything below `folder`, hidden files included; the folder itself is the root unit.

    Nothing is left out in silence: a link or a device is refused by name.
    """
    if not folder.is_dir():
        raise DescriptionError(f"{folder} is not a folder")
    if out.resolve().is_relative_to(folder.resolve()):
        raise DescriptionError(f"{out} would be written inside the folder it packages")
    builder = SipBuilder(envelope, version)
    root = builder.add_unit(Unit(folder.resolve().name or "/", Level.RECORD_GROUP))
    _add_folder(builder, folder, root)
    return builder.write(out)


def _add_folder(builder: SipBuilder, folder: Path, unit: str) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise DescriptionError(f"{entry} is neither a file nor a folder: take it out or copy what it names")
        if entry.is_dir():
            _add_folder(builder, entry, builder.add_unit(Unit(entry.name, Level.RECORD_GROUP), unit))
        else:
            item = builder.add_unit(Unit(entry.name, Level.ITEM), unit)
            builder.add_file(item, SourceFile(entry.name, entry))
