"""Secrets from files: read whole, never shown."""

from pathlib import Path

from inference_edge_cache.errors import EdgeCacheError


def secret_in(file: Path) -> str:
    """The text of ``file`` without the line's end that editors add. Raises ``EdgeCacheError``."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise EdgeCacheError(f"{file}: not UTF-8 text") from None
    except OSError as error:
        raise EdgeCacheError(f"{file}: {error.strerror}") from error
