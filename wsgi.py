"""For WSGI servers: `gunicorn wsgi:app`."""

from __future__ import annotations

import config
from dispatch.app import create_app
from dispatch.foundation.log import set_up_logs

set_up_logs(as_json=True)
app = create_app(config.load())
