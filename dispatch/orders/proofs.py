"""The proof of a delivery as it is kept: who took it, or a photo; one per order, the last delivery's."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .proof_rules import Photo
from .tables import DeliveryProof

PHOTOS_KEPT = timedelta(days=90)


def keep_proof(
    session: Session, order_id: int, now: datetime, *, taken_by: str | None, photo: Photo | None, is_first: bool
) -> None:
    """Keep what was said or shown at the door; the caller holds the order's lock.

    `is_first`: of this delivery. The same answer sent twice, as from a bad connection, keeps the first.
    """
    found = session.get(DeliveryProof, order_id)
    if found is not None and not is_first:
        return
    proof = found or DeliveryProof(order_id=order_id)
    proof.taken_by, proof.at = taken_by, now
    proof.media_type, proof.photo = (photo.media_type, photo.data) if photo else (None, None)
    session.add(proof)
    session.flush()
    # Somebody's front door is nobody's business for longer than it may be asked about.
    is_old = (DeliveryProof.photo.is_not(None), DeliveryProof.at < now - PHOTOS_KEPT)
    session.execute(update(DeliveryProof).where(*is_old).values(photo=None, media_type=None))


def proof_of(session: Session, order_id: int) -> DeliveryProof | None:
    """What proves the delivery of an order; None when nothing was kept."""
    return session.get(DeliveryProof, order_id)


def who_took_it(session: Session, order_id: int) -> tuple[str | None, bool]:
    """The name that was given at the door, and whether there is a photo; without reading it."""
    query = select(DeliveryProof.taken_by, DeliveryProof.photo.is_not(None)).where(DeliveryProof.order_id == order_id)
    row = session.execute(query).first()
    return (row[0], row[1]) if row else (None, False)
