"""Tells an address on the outside that we are alive: whoever keeps it raises the alarm when nothing comes."""

from __future__ import annotations

import urllib3

from .log import get_logger

log = get_logger("outside")

SECONDS = 5.0


def ping(url: str) -> bool:
    """Ask for an address, once; False when it did not answer well. Never raises for what the world does."""
    with urllib3.PoolManager(timeout=SECONDS, retries=False) as pool:
        try:
            answer = pool.request("GET", url, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            log.warning("the outside heartbeat could not be told", why=type(error).__name__)
            return False
    if answer.status >= 400:
        log.warning("the outside heartbeat was refused", status=answer.status)
    return answer.status < 400
