from django.contrib import admin
from django.urls import include, path

from environments.activity.views import stream
from environments.export_views import stream_export
from environments.overview import drilldown
from environments.overview.views import overview
from environments.secrets import urls
from environments.sync.views import sync
from portal import health
from portal.ledger import urls as ledger

# the stream shows the names that only the rooms above the ledger know
operations = [
    *ledger.urlpatterns,
    path("stream/", stream, name="stream"),
    path("stream/export/", stream_export, name="stream-export"),
]

handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.health.server_error"

urlpatterns = [
    path("", overview, name="overview"),
    path("overview/changes/", drilldown.changes, name="overview-changes"),
    path("overview/starts/", drilldown.starts, name="overview-starts"),
    path("overview/running-time/", drilldown.running_time, name="overview-running-time"),
    path("environments/", include("environments.urls")),
    path("", include("automations.urls")),
    path("secrets/", include((urls.everywhere, "secrets"))),
    path("operations/", include((operations, ledger.app_name))),
    path("audit/", include("environments.audit.urls")),
    path("sync/", sync, name="sync"),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("accounts/", include("portal.accounts.urls")),
    path("admin/", admin.site.urls),
]
