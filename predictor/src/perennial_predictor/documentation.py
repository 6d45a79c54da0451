"""The page at ``/docs``: Swagger UI from the predictor's own files, for browsers that ask no other.

Its addresses are relative, so that it works behind a proxy that adds a prefix.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

_PATH = "/docs"
_FILES = ("fastapi_offline", "static")
"""Package and folder that hold Swagger UI."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline';"
    " style-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def add_documentation(api: FastAPI) -> None:
    """Serve the page and the files that it needs."""
    api.add_route(_PATH, _page, include_in_schema=False)
    api.mount(_PATH, StaticFiles(packages=[_FILES]))


async def _page(request: Request) -> Response:
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=request.app.title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    page.headers.update(_HEADERS)
    return page
