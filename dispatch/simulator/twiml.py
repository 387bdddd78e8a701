"""Reads TwiML: a flat list of verbs with their words, attributes and children."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree


class BadTwiml(ValueError):
    """The document is not TwiML. Twilio logs it as 12100 and drops the answer."""


@dataclass(frozen=True)
class Verb:
    """One element: `text` is everything written in it, children apart, trimmed."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: tuple[Verb, ...] = ()


def parse(document: str) -> tuple[Verb, ...]:
    """The verbs of a TwiML document, in order; an empty document has none.

    Raises BadTwiml for anything that is not well-formed or has no <Response> at its root.
    """
    if not document.strip():
        return ()
    # Entities could blow a few bytes up into gigabytes; TwiML has no use for a document type.
    if "<!" in document.replace("<!--", ""):
        raise BadTwiml("document types and CDATA are not accepted")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - doctypes were refused above
    except ElementTree.ParseError as error:
        raise BadTwiml(str(error)) from error
    if root.tag != "Response":
        raise BadTwiml(f"the root is <{root.tag[:40]}>, not <Response>")
    return tuple(_verb(element) for element in root)


def messages(verbs: tuple[Verb, ...]) -> list[tuple[str, str | None]]:
    """The replies in an answer to an inbound text: (body, To or None), in order; empty bodies are left out."""
    found = []
    for verb in verbs:
        if verb.name in {"Message", "Sms"}:
            bodies = [child.text for child in verb.children if child.name == "Body"]
            found.append((bodies[0] if bodies else verb.text, verb.attributes.get("to")))
    return [(body, to) for body, to in found if body]


def _verb(element: ElementTree.Element) -> Verb:
    words = (element.text or "") + "".join(child.tail or "" for child in element)
    return Verb(element.tag, words.strip(), dict(element.attrib), tuple(_verb(child) for child in element))
