"""What a browser gets of the service, and what it may do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import parser

import httpx
import pytest

from tests.support import program, service


@pytest.fixture(scope="module")
def served(shared_program: program.Program, database_server: str) -> Iterator[service.Service]:
    with service.shared(shared_program, database_server) as found:
        yield found


class Links(parser.HTMLParser):
    """Collects what a page loads, and fails for a script or style in the page itself, which its policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert tag != "style"
        if tag in {"script", "link", "img"}:
            self.found.append(named.get("src") or named.get("href") or "")


def test_the_page_of_the_api_loads_everything_from_the_service_itself(served: service.Service) -> None:
    with served.client() as client:
        page = client.get("/docs")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        links = Links()
        links.feed(page.text)
        assert len(links.found) == 4
        files = {link: client.get(f"/{link}") for link in links.found}
        start = files["docs/start.js"].text
        named = re.search(r'url: "([^"]+)"', start)
        assert named is not None
        assert client.get(f"/{named[1]}").json()["openapi"].startswith("3.")
    assert {answer.status_code for answer in files.values()} == {200}
    assert "SwaggerUIBundle" in files["docs/swagger-ui-bundle.js"].text
    assert "://" not in page.text + start
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "://" not in policy


def test_no_response_is_kept_or_taken_for_something_else(served: service.Service) -> None:
    with served.user() as user:
        answers = [
            user.get("/healthz"),
            user.get(service.SCHEDULES),
            user.get("/docs"),
            user.get("/openapi.json"),
            user.get("/nothing"),
            user.post(service.SCHEDULES, content=b"{", headers={"Content-Type": "application/json"}),
            user.post(service.SCHEDULES, content=b"x" * 2_000_000),
            httpx.get(f"{served.url}{service.SCHEDULES}"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404, 400, 413, 401]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_without_docs_neither_the_page_nor_the_document_is_served(
    reconciler: program.Program, database_url: str
) -> None:
    with service.running(reconciler, database_url, "--no-docs") as served, served.client() as client:
        paths = ("/docs", "/docs/start.js", "/openapi.json", "/redoc")
        assert [client.get(path).status_code for path in paths] == [404] * 4
        assert client.get("/healthz").status_code == 200
