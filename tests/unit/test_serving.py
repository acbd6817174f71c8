from __future__ import annotations

import click
import pytest

from reconciler import errors
from reconciler.cli import serving
from reconciler.service import limits


@pytest.mark.parametrize("text", ["often", "0/minute", "-1/minute", ""])
def test_a_rate_lets_somebody_call(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is no rate"):
        limits.rate(text)


@pytest.mark.parametrize("address", ["*", "proxy", "10.0.0.1/8"])
def test_a_proxy_that_is_trusted_has_an_address(address: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write it as 10\.0\.0\.7"):
        serving.serve.make_context("serve", ["--trust-proxy", address])
