from environments.directory_pages.views import urls

app_name = "directory"
urlpatterns = urls()
