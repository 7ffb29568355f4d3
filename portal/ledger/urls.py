from django.urls import path

from portal.ledger.list import OPERATIONS
from portal.ledger.views import operation_detail
from portal.lists.views import urls

app_name = "operations"
urlpatterns = [
    *urls(OPERATIONS),
    path("<uuid:operation_id>/", operation_detail, name="detail"),
]
