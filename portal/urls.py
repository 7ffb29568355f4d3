from django.contrib import admin
from django.urls import include, path

handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.web.errors.server_error"

urlpatterns = [
    path("accounts/", include("portal.accounts.urls")),
    path("admin/", admin.site.urls),
]
