"""The parts of one simulator, wired together."""

from __future__ import annotations

from dataclasses import dataclass

from .carrier import Carrier
from .config import SimulatorConfig
from .inbox import Inbox
from .state import SimulatorState
from .switchboard import Switchboard
from .timetable import Timetable
from .webhooks import Webhooks


@dataclass(frozen=True)
class Simulator:
    """One simulated account, without its doorways."""

    config: SimulatorConfig
    state: SimulatorState
    timetable: Timetable
    webhooks: Webhooks
    carrier: Carrier
    inbox: Inbox
    switchboard: Switchboard

    @classmethod
    def of(cls, config: SimulatorConfig) -> Simulator:
        """Build the parts. Threads start with the first text."""
        state, timetable, webhooks = SimulatorState(config), Timetable(), Webhooks(config)
        carrier = Carrier(config, state, timetable, webhooks)
        return cls(
            config=config,
            state=state,
            timetable=timetable,
            webhooks=webhooks,
            carrier=carrier,
            inbox=Inbox(config, state, timetable, webhooks, carrier),
            switchboard=Switchboard(config, state, timetable, webhooks),
        )

    def reset(self) -> None:
        """Forget everything that happened and everything that was planned."""
        self.timetable.clear()
        self.state.reset()

    def stop(self) -> None:
        """End the threads and let go of the sockets."""
        self.timetable.stop()
        self.webhooks.close()
