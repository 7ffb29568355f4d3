"""The addresses below `/api/v1/` that follow from the lists; those of actions come from the rooms above."""

from __future__ import annotations

from django.urls import URLPattern

from portal.api.downloads import urls_of_files
from portal.api.listing import urls_of
from portal.lists.registry import API_ONLY, LISTS
from portal.web import addresses as addresses  # the converter `any`


def of_lists() -> list[URLPattern]:
    """Every registered list, with a page or without."""
    return [each for listing in (LISTS | API_ONLY).values() for each in (*urls_of_files(listing), *urls_of(listing))]
