"""Assets and archives as a recording shows them, as bytes."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_EARLIEST = (1980, 1, 1, 0, 0, 0)


def asset_bytes(asset: Mapping[str, Any]) -> bytes:
    """The bytes of an asset: a text or a file."""
    return asset["text"].encode() if "text" in asset else Path(asset["path"]).read_bytes()


def archive_bytes(archive: Mapping[str, Any]) -> bytes:
    """The zip of an archive: a file that is one, a folder, or assets and archives by name. The same files make the
    same bytes."""
    if "path" in archive and Path(archive["path"]).is_file():
        return Path(archive["path"]).read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in sorted(_files(archive, "")):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o100644 << 16
            target.writestr(entry, content)
    return packed.getvalue()


def _files(archive: Mapping[str, Any], below: str) -> Iterator[tuple[str, bytes]]:
    if "path" in archive:
        folder = Path(archive["path"])
        for file in folder.rglob("*"):
            if file.is_file():
                yield below + file.relative_to(folder).as_posix(), file.read_bytes()
        return
    for name, item in archive["assets"].items():
        if "assets" in item or ("path" in item and Path(item["path"]).is_dir()):
            yield from _files(item, f"{below}{name}/")
        else:
            yield below + name, asset_bytes(item)
