"""The API documentation page, which loads nothing from another host.

Swagger UI's files come from the `fastapi_offline` package; nothing else in it is used.
"""

from __future__ import annotations

import importlib.util
import logging
from importlib import resources

import fastapi

ROOT = "/docs"
_PACKAGE = "fastapi_offline"
_LOG = logging.getLogger(__name__)
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
# links are relative, so that the page also works behind a proxy that adds a path prefix
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>reconciler - API</title>
<link rel="icon" type="image/png" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
"""
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)  # Swagger UI sets inline styles


def router() -> fastapi.APIRouter:
    """Return the routes for the page and its files; if the package is missing, log a warning and return no routes."""
    pages = fastapi.APIRouter(prefix=ROOT, include_in_schema=False)
    if importlib.util.find_spec(_PACKAGE) is None:
        _LOG.warning("/docs is not served: install reconciler[service], or pass --no-docs")
        return pages
    _serve(pages, "", _PAGE.encode(), "text/html; charset=utf-8")
    _serve(pages, "/start.js", _START.encode(), "text/javascript")
    directory = resources.files(_PACKAGE) / "static"
    for name, media_type in _FILES.items():
        _serve(pages, f"/{name}", (directory / name).read_bytes(), media_type)
    return pages


def _serve(pages: fastapi.APIRouter, path: str, content: bytes, media_type: str) -> None:
    headers = {"Content-Security-Policy": _POLICY}

    async def file() -> fastapi.Response:
        return fastapi.Response(content, media_type=media_type, headers=headers)

    pages.add_api_route(path, file, methods=["GET"])
