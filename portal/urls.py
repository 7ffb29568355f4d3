from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from automations import api as automations_api
from environments import api as environments_api
from environments.activity.list import STREAM
from environments.overview.change_log import CHANGE_LOG
from environments.overview.starts import STARTS
from environments.overview.views import overview, running_time_by_day
from environments.secrets import urls as secrets
from environments.sync.list import SYNC_RUNS
from portal import health
from portal.accounts.saved_views import api as saved_views_api
from portal.api import urls as api_urls
from portal.api.docs import api_docs, openapi
from portal.jobs import api as jobs_api
from portal.ledger import urls as ledger
from portal.ledger.access_log.list import ACCESS_LOG
from portal.lists.views import complete, urls
from portal.live.views import live, live_badge
from portal.metrics.views import metrics
from portal.outbox import api as outbox_api
from portal.palette.views import find_anything

# the stream shows the names that only the rooms above the ledger know
operations = [
    *ledger.urlpatterns,
    *urls(STREAM, page="stream/", export="stream/export/"),
]

handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.health.server_error"

# what is exact comes before ids and references
api = [
    path("openapi.yaml", openapi, name="openapi"),
    *automations_api.urlpatterns,
    *environments_api.urlpatterns,
    *saved_views_api.urlpatterns,
    *jobs_api.urlpatterns,
    *outbox_api.urlpatterns,
    *api_urls.of_lists(),
]

urlpatterns = [
    path("", overview, name="overview"),
    *urls(CHANGE_LOG, page="overview/changes/"),
    *urls(STARTS, page="overview/starts/"),
    path("overview/running-time/", running_time_by_day, name="overview-running-time"),
    path("environments/", include("environments.urls")),
    path("", include("environments.directory_pages.urls")),
    path("", include("automations.urls")),
    path("secrets/", include((secrets.everywhere, "secrets"))),
    path("operations/", include((operations, ledger.app_name))),
    *urls(ACCESS_LOG, page="access-log/", changes="access-log/changes/", export="access-log/export/"),
    path("audit/", include("environments.audit.urls")),
    path("jobs/", include("portal.jobs.urls")),
    path("find/", find_anything, name="find"),
    path("complete/", complete, name="complete"),
    path("live/", live, name="live"),
    path("live/badge/", live_badge, name="live-badge"),
    *urls(SYNC_RUNS, page="sync/"),
    path("api/docs/", api_docs, name="api-docs"),
    path("api/v1/", include((api, "api"))),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    path("accounts/", include("portal.accounts.urls")),
    path("people/", include("portal.accounts.people.urls")),
    path("outbox/", include("portal.outbox.urls")),
]
if settings.DJANGO_ADMIN:
    urlpatterns.append(path("admin/", admin.site.urls))
