"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelmill.settings")

application = get_wsgi_application()

from modelmill.core.scratch import abandoned_clear  # noqa: E402

# Uploads that a killed server had half received.
abandoned_clear()
