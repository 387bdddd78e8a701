"""What somebody types or photographs at the door, as their page sends it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Request, request

from ..foundation.errors import Invalid
from ..orders.proof_rules import LONGEST_NAME, MOST_BYTES, Photo, read_photo
from ..orders.rules import Proof

# What a phone's camera may send before it is looked at.
MOST_SENT = 3 * MOST_BYTES


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The proof, and the note that goes into the history with it."""

    note: str | None
    taken_by: str | None = None
    photo: Photo | None = None


def may_send_photos(app: Flask, *endpoints: str) -> None:
    """Let these requests be as large as a photo."""

    # Before anything of the form is read, as the check of its token does.
    @app.url_value_preprocessor
    def allow(endpoint: str | None, _: object) -> None:
        if endpoint in endpoints:
            request.max_content_length = MOST_SENT


def read_proof(sent: Request, proof: str, note: str | None) -> Shown:
    """What proves it, as the order asks. Raises Invalid: with the field, and what to do instead."""
    asked = Proof(proof)
    if asked is Proof.PIN:
        pin = sent.form.get("pin", "").strip()[:LONGEST_NAME]
        return Shown(note=f"{pin} {note or ''}".strip() or None)
    if asked is Proof.NAME:
        name = " ".join(sent.form.get("taken_by", "").replace("\x00", "").split())[:LONGEST_NAME]
        if not name:
            raise Invalid("taken_by", "Who took it? Ask for their name and write it down.")
        return Shown(note=f"Taken by {name}. {note or ''}".strip(), taken_by=name)
    if asked is Proof.PHOTO:
        return _photo(sent, note)
    return Shown(note=note)


def _photo(sent: Request, note: str | None) -> Shown:
    file = sent.files.get("photo")
    data = file.stream.read(MOST_BYTES + 1) if file else b""
    if file:
        # A large one lies in a file for the time being.
        file.close()
    if data:
        return Shown(note=f"With a photo. {note or ''}".strip(), photo=read_photo(data))
    if not note:
        raise Invalid("photo", "Take a photo of it at the door, or say below why there is none.")
    return Shown(note=f"Without a photo: {note}")
