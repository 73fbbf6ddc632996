"""All layouts that are drawn from nothing, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from dupfind.photos.lookalikes import documents
from dupfind.photos.lookalikes.kind import Layout

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "invoice": documents.invoice,
        "receipt": documents.receipt,
        "form": documents.form,
        "table": documents.table,
        "slide": documents.slide,
        "slide_build": documents.slide_build,
        "business_card": documents.business_card,
        "calendar": documents.calendar,
        "text_page": documents.text_page,
    }
)
