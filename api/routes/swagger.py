"""`GET /docs`: Swagger, with everything that it loads, so that it needs no other host."""

import base64
import hashlib
import re
from importlib.resources import as_file, files

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

router = APIRouter(prefix="/docs", include_in_schema=False)

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _page() -> tuple[str, str]:
    """The page, and the policy by which browsers run nothing but what it is made of."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Malha",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )
    html = bytes(page.body).decode()
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(html)
    )
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return html, policy


_HTML, _POLICY = _page()


@router.api_route("", methods=["GET", "HEAD"])
@router.api_route("/", methods=["GET", "HEAD"])
async def page() -> HTMLResponse:
    """Swagger."""
    return HTMLResponse(_HTML, headers={"Content-Security-Policy": _POLICY})


def _serve(name: str, media_type: str) -> None:
    with as_file(files("fastapi_offline") / "static" / name) as path:

        @router.api_route(f"/{name}", methods=["GET", "HEAD"])
        async def asset() -> FileResponse:
            return FileResponse(path, media_type=media_type)


for _name, _media_type in _FILES.items():
    _serve(_name, _media_type)
