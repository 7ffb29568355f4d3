from django.urls import path

from portal.ledger.exports import operation_export
from portal.ledger.views import operation_changes, operation_detail, operation_list

app_name = "operations"
urlpatterns = [
    path("", operation_list, name="list"),
    path("export/", operation_export, name="export"),
    path("changes/", operation_changes, name="changes"),
    path("<uuid:operation_id>/", operation_detail, name="detail"),
]
