"""Everything a simulator remembers: texts, calls, opt-outs, faults and counts. Safe for threads, in memory."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from .config import SimulatorConfig
from .faults import Fault, FaultBox, Stage, Target
from .records import Call, Json, Message
from .rules import FINAL, Keyword, segments

Entry = Message | Call


class SimulatorState:
    """The account's memory. Records are frozen, so what a reader holds never changes under its hands.

    `version` moves with every change, and never shows the same value twice within one run.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.faults = FaultBox()
        self._lock = threading.RLock()
        # A restarted simulator must not answer "unchanged" to a page that remembers the one before.
        self._version = secrets.randbelow(1_000_000) * 1_000_000
        self._sequence = 0
        self._messages: dict[str, Message] = {}
        self._calls: dict[str, Call] = {}
        self._by_phone: dict[str, list[str]] = {}
        self._blocked: set[tuple[str, str]] = set()
        self._counts: Counter[str] = Counter()

    # What happened so far

    @property
    def version(self) -> int:
        """Moves with every change that a page could show."""
        with self._lock:
            return self._version

    def now(self) -> datetime:
        """The account's time: the configured clock's."""
        return self.config.clock()

    def counts(self) -> dict[str, int]:
        """How often each thing happened since the start or the last reset."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def count(self, name: str) -> None:
        """Note that something happened."""
        with self._lock:
            self._counts[name] += 1

    def take_fault(self, stage: Stage, on: Target, to: str | None) -> Fault | None:
        """The fault ordered for this moment, if any; counted and spent."""
        fault = self.faults.take(stage, on, to)
        if fault is not None:
            with self._lock:
                self._counts[f"fault_{fault.kind.value}"] += 1
                self._version += 1
        return fault

    def reset(self) -> None:
        """Forget everything, faults and opt-outs included."""
        with self._lock:
            for store in (self._messages, self._calls, self._by_phone, self._blocked, self._counts):
                store.clear()
            self.faults.clear()
            self._version += 1

    # Texts

    def add_message(
        self,
        *,
        direction: str,
        from_number: str | None,
        to: str,
        body: str,
        status: str,
        kind: str = "text",
        media: tuple[str, ...] = (),
        service_sid: str | None = None,
        status_callback: str | None = None,
        validity_seconds: int = 36000,
    ) -> Message:
        """Store a text and give it a sid. With a Messaging Service, sender and segments are filled in later."""
        is_pooled = direction == "outbound-api" and service_sid is not None
        with self._lock:
            self._sequence += 1
            message = Message(
                sid=("MM" if media else "SM") + secrets.token_hex(16),
                sequence=self._sequence,
                direction=direction,
                from_number=None if is_pooled else from_number,
                sender=from_number or self.config.sender,
                to=to,
                body=body,
                status=status,
                kind=kind,
                created_at=(now := self.now()),
                updated_at=now,
                segments=0 if is_pooled else segments(body),
                media=media,
                service_sid=service_sid,
                status_callback=status_callback,
                validity_seconds=validity_seconds,
            )
            self._messages[message.sid] = message
            self._note(message, kind)
        return message

    def _note(self, entry: Entry, kind: str) -> None:
        self._by_phone.setdefault(entry.phone, []).append(entry.sid)
        self._counts[f"{entry.direction}_{kind}"] += 1
        self._version += 1

    def message(self, sid: str) -> Message | None:
        """One text, or None."""
        with self._lock:
            return self._messages.get(sid)

    def messages(self, to: str | None = None) -> list[Message]:
        """Texts that the API lists, newest first; only those to one number if `to` is given."""
        with self._lock:
            if to is not None and to not in self.config.own_numbers:
                sids = self._by_phone.get(to, [])
                found = [self._messages[sid] for sid in sids if sid in self._messages]
            else:
                found = list(self._messages.values())
        return [m for m in reversed(found) if m.kind == "text" and to in (None, m.to)]

    def change_message(self, sid: str, **changes: object) -> Message | None:
        """Write fields of a text and answer its new record; None when it is gone."""
        with self._lock:
            message = self._messages.get(sid)
            if message is None:
                return None
            changed = replace(message, **changes)  # type: ignore[arg-type]
            self._messages[sid] = changed
            self._version += 1
            return changed

    def advance_message(self, sid: str, status: str, error_code: int | None = None) -> Message | None:
        """Move a text to its next status. None when it is gone or its story had already ended."""
        now = self.now()
        with self._lock:
            message = self._messages.get(sid)
            if message is None or message.status in FINAL:
                return None
            changes: dict[str, object] = {"status": status, "error_code": error_code, "updated_at": now}
            if message.from_number is None and status != "failed":
                changes |= {"from_number": message.sender, "segments": segments(message.body)}
            if status == "sent":
                changes["sent_at"] = now
            self._counts[f"status_{status}"] += 1
            return self.change_message(sid, **changes)

    def note_callback(self, sid: str, note: Json) -> None:
        """Remember what a receipt met on our side."""
        with self._lock:
            message = self._messages.get(sid)
            if message is not None:
                self.change_message(sid, callbacks=(*message.callbacks, note))

    def delete_message(self, sid: str) -> None:
        """Take a text out of the account, as DELETE does."""
        with self._lock:
            message = self._messages.pop(sid, None)
            if message is not None:
                self._by_phone[message.phone].remove(sid)
                self._version += 1

    # Opt-outs

    def hear_keyword(self, phone: str, number: str, word: Keyword) -> bool:
        """Apply an opt-out word sent from `phone` to `number`. Answers whether Twilio confirms it."""
        pair = (self.config.opt_out_scope(number), phone)
        with self._lock:
            was_blocked = pair in self._blocked
            if word is Keyword.STOP:
                self._blocked.add(pair)
            elif word is Keyword.START:
                self._blocked.discard(pair)
            self._version += 1
        return word is Keyword.HELP or was_blocked == (word is Keyword.START)

    def is_blocked(self, number: str, phone: str) -> bool:
        """Whether texts from `number` to `phone` are refused with 21610."""
        with self._lock:
            return (self.config.opt_out_scope(number), phone) in self._blocked

    # Calls

    def add_call(self, build: Callable[[str, int, datetime], Call]) -> Call:
        """Store the call that `build(sid, sequence, now)` makes."""
        now = self.now()
        with self._lock:
            self._sequence += 1
            call = build("CA" + secrets.token_hex(16), self._sequence, now)
            self._calls[call.sid] = call
            self._note(call, "call")
        return call

    def call(self, sid: str) -> Call | None:
        """One call, or None."""
        with self._lock:
            return self._calls.get(sid)

    def calls(self) -> list[Call]:
        """Every call, newest first."""
        with self._lock:
            return list(reversed(self._calls.values()))

    def change_call(self, sid: str, change: Callable[[Call], Call | None]) -> Call | None:
        """Replace a call by what `change` makes of it, atomically. None when it is gone or `change` declines."""
        with self._lock:
            call = self._calls.get(sid)
            changed = change(call) if call is not None else None
            if changed is None:
                return None
            self._calls[sid] = replace(changed, updated_at=self.now())
            self._version += 1
            return self._calls[sid]

    # Threads

    def threads(self, limit: int = 200) -> tuple[int, dict[str, list[Entry]]]:
        """(version, every phone with its last `limit` texts and calls, oldest first)."""
        with self._lock:
            found: dict[str, list[Entry]] = {}
            for phone, sids in self._by_phone.items():
                entries = [self._messages.get(sid) or self._calls.get(sid) for sid in sids[-limit:]]
                found[phone] = [entry for entry in entries if entry is not None]
            return self._version, found
