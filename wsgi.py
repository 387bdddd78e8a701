"""For WSGI servers: `gunicorn wsgi:app`."""

from __future__ import annotations

import config
from dispatch.app import create_app

app = create_app(config.load())
