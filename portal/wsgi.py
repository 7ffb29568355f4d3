import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django = get_wsgi_application()

from portal import celery as celery  # noqa: E402  (pages call workers through it)
from portal.database import Connection  # noqa: E402
from portal.live.shortcut import with_shortcut  # noqa: E402

Connection.patience = settings.STATEMENT_SECONDS
application = with_shortcut(django)
