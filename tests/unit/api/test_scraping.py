"""`/metrics`."""

import httpx

from tests.unit.observe.test_exposition import check


async def test_metrics_are_text_behind_the_same_gate(client: httpx.AsyncClient) -> None:
    await client.get("/v1/status")
    await client.get("/v1/endpoints")
    await client.request("BREW", "/v1/status")
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    check(response.text)
    lines = response.text.splitlines()
    assert 'dnsguard_rule_packets_total{name="a\\"b"} 7' in lines
    assert 'dnsguard_api_requests_total{method="GET",code="200"} 1' in lines
    assert 'dnsguard_api_requests_total{method="GET",code="503"} 1' in lines
    assert 'dnsguard_api_requests_total{method="other",code="405"} 1' in lines
    assert 'dnsguard_api_request_duration_seconds_count{method="GET"} 2' in lines


async def test_without_a_token_there_is_nothing_to_scrape_and_that_is_counted(client: httpx.AsyncClient) -> None:
    assert (await client.get("/metrics", headers={"Authorization": "Bearer wrong"})).status_code == 401
    text = (await client.get("/metrics")).text
    assert 'dnsguard_api_requests_total{method="GET",code="401"} 1' in text.splitlines()
