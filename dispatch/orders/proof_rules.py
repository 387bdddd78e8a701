"""What proves a delivery: a name, or a photo whose kind its first bytes tell, not its name; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..foundation.errors import Invalid

MOST_BYTES = 4 * 1024 * 1024
LONGEST_NAME = 100
JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo of what was left at the door."""

    media_type: str
    data: bytes


def read_photo(data: bytes) -> Photo:
    """The photo that somebody sent. Raises Invalid naming `photo`."""
    if len(data) > MOST_BYTES:
        raise Invalid("photo", "is too large: 4 MB at most. Take it again with fewer pixels, or say why there is none")
    kind = _kind(data)
    if kind is None:
        raise Invalid("photo", "is no picture that we can keep: take it as JPEG, PNG or WebP")
    return Photo(media_type=kind, data=data)


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    return WEBP if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None
