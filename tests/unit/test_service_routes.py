from __future__ import annotations

from starlette import routing

from reconciler.platform.api import app


def test_a_request_is_matched_against_one_flat_list_of_routes_that_starts_with_the_most_frequent() -> None:
    routes = app._application(None, 0).routes
    paths = [route.path for route in routes if isinstance(route, routing.Route)]
    assert len(paths) == len(routes)
    assert paths[0] == "/healthz"
