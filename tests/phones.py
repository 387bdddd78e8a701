"""The phones of a test's people: what came in, what they expected, and what they type back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

LINK = re.compile(r"/a\?t=(\S+)")
CODE = re.compile(r"Reply (\d+)A")


@dataclass(frozen=True)
class Text:
    """One text as it lies on a phone."""

    sid: str
    to: str
    body: str

    @property
    def code(self) -> str:
        """The number to answer a page with."""
        found = CODE.search(self.body)
        assert found, f"no code in: {self.body}"
        return found.group(1)

    @property
    def token(self) -> str:
        """The token in the link of a page."""
        found = LINK.search(self.body)
        assert found, f"no link in: {self.body}"
        return found.group(1)


class Network(Protocol):
    """Whoever carries texts between the shop and the phones."""

    def texts(self) -> Sequence[Text]:
        """Everything that the shop has sent, oldest first."""

    def type(self, phone: str, body: str, *, copies: int = 1) -> None:
        """Somebody sends us a text; `copies`: how often the provider hands it over."""


class Phones:
    """Every phone in the world, and which texts somebody has looked at."""

    def __init__(self, network: Network, settle: Callable[[], object]) -> None:
        self._network = network
        self._settle = settle
        self._read: set[str] = set()
        # The page that was read last, by number: what a person who answers "17A" looks at.
        self.pages: dict[str, Text] = {}
        self.is_ignoring_the_rest = False
        self.ignored: set[str] = set()

    def unread(self, number: str | None = None) -> list[Text]:
        """Texts that nobody has expected yet."""
        texts = self._network.texts()
        return [text for text in texts if text.sid not in self._read and number in (None, text.to)]

    def find(self, number: str, fragments: Iterable[str]) -> Text | None:
        """The oldest unread text on a phone that holds all of these words; it counts as read."""
        wanted = list(fragments)
        found = next((text for text in self.unread(number) if all(word in text.body for word in wanted)), None)
        if found is not None:
            self._read.add(found.sid)
            if LINK.search(found.body):
                self.pages[number] = found
        return found

    def settle(self) -> None:
        """Let everything arrive."""
        self._settle()

    def type(self, number: str, body: str, *, copies: int = 1) -> None:
        """Send the shop a text."""
        self._network.type(number, body, copies=copies)
        self._settle()

    def must_be_read(self) -> None:
        """Fail for every text that nobody expected."""
        if self.is_ignoring_the_rest:
            return
        self._settle()
        left = [f"to {text.to}: {text.body}" for text in self.unread() if text.to not in self.ignored]
        assert not left, "texts that nobody expected:\n" + "\n".join(left)


@dataclass
class Phone:
    """One person's phone. Calls can be chained: `expects("K7Q2").replies("17A").expects("yours")`."""

    name: str
    number: str
    phones: Phones
    last: Text | None = None

    def expects(self, *fragments: str) -> Phone:
        """A text with all of these words has come, or comes now."""
        self.last = self.phones.find(self.number, fragments)
        if self.last is None:
            self.phones.settle()
            self.last = self.phones.find(self.number, fragments)
        unread = "\n".join(text.body for text in self.phones.unread(self.number)) or "nothing"
        assert self.last, f"{self.name} expected {fragments}, unread on that phone:\n{unread}"
        return self

    def expects_nothing(self) -> Phone:
        """Everything on this phone has been read."""
        self.phones.settle()
        left = [text.body for text in self.phones.unread(self.number)]
        assert not left, f"{self.name} expected nothing, but got:\n" + "\n".join(left)
        return self

    def replies(self, body: str, *, copies: int = 1) -> Phone:
        """Type an answer; `#` stands for the code of the last page that was read."""
        self.phones.type(self.number, body.replace("#", self.code) if "#" in body else body, copies=copies)
        return self

    @property
    def page(self) -> Text:
        """The page that was read last."""
        assert self.number in self.phones.pages, f"{self.name} has read no page yet"
        return self.phones.pages[self.number]

    @property
    def code(self) -> str:
        """Its code."""
        return self.page.code

    @property
    def token(self) -> str:
        """Its link's token."""
        return self.page.token
