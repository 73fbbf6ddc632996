"""All layouts that are drawn from nothing, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from dupfind.photos.lookalikes import documents, figures, screens, skies
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
        "activity": screens.activity,
        "dashboard": screens.dashboard,
        "settings": screens.settings,
        "chat": screens.chat,
        "keyboard": screens.keyboard,
        "shop": screens.shop,
        "chess_board": figures.chess_board,
        "chart": figures.chart,
        "icon": figures.icon,
        "code": figures.code,
        "playing_card": figures.playing_card,
        "drawing": figures.drawing,
        "portrait": figures.portrait,
        "shirt": figures.shirt,
        "clouds": skies.clouds,
        "gradient": skies.gradient,
        "stars": skies.stars,
        "landscape": skies.landscape,
    }
)

# How many pictures of one layout stay different from each other, where that is few.
LONGEST: Mapping[str, int] = MappingProxyType(
    {"playing_card": 36, "portrait": 6, "slide_build": 200}
)
