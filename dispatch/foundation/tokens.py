"""Short signed tokens for the links in texts: for one thing, unguessable, and too short to need a second segment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

# 96 bits: far beyond guessing over the network, and 16 characters in a text of 160.
SIGNATURE_BYTES = 12
SHAPE = re.compile(r"([0-9]{1,18})-([A-Za-z0-9_-]{16})")


def _signature(secret: str, purpose: str, number: int) -> str:
    digest = hmac.digest(secret.encode(), f"dispatch:{purpose}:{number}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()


def sign(secret: str, purpose: str, number: int) -> str:
    """A token for thing `number`, good for `purpose` only. Whether it has expired is for the thing itself to say."""
    return f"{number}-{_signature(secret, purpose, number)}"


def read(secret: str, purpose: str, token: str) -> int | None:
    """The number inside a token, or None when it was not made by us for this purpose."""
    match = SHAPE.fullmatch(token)
    if not match:
        return None
    number = int(match.group(1))
    return number if hmac.compare_digest(match.group(2), _signature(secret, purpose, number)) else None


@dataclass(frozen=True)
class Links:
    """Builds the addresses that go into texts. `base` is the public URL without a slash at its end."""

    base: str
    secret: str = field(repr=False)

    def answer(self, page_id: int) -> str:
        """Where a member of staff answers one page."""
        return f"{self.base}/a?t={sign(self.secret, 'page', page_id)}"

    def tracking(self, order_id: int) -> str:
        """Where a customer sees how an order stands."""
        return f"{self.base}/t?k={sign(self.secret, 'tracking', order_id)}"
