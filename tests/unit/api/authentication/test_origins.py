"""Pages that ask in somebody's name."""

import pytest
from starlette.datastructures import Headers

from dnsguard.api.authentication.origins import foreign_name, foreign_page

HOST = {"host": "guard.example.org:8053"}
FORM = {"content-type": "text/plain;charset=UTF-8"}
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        # no browser
        ({}, None),
        (FORM, None),
        (FORM | {"user-agent": "curl/8.5.0"}, None),
        # a browser that says whose page it is
        ({"sec-fetch-site": "same-origin"}, None),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8001"}, None),  # through kubectl proxy
        ({"sec-fetch-site": "none"}, None),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://guard.example.org:8053"}, 403),
        ({"sec-fetch-site": ""}, 403),
        # an older one
        ({"origin": "https://guard.example.org:8053"}, None),
        ({"origin": "https://GUARD.example.org:8053"}, None),
        ({"origin": "https://guard.example.org"}, 403),
        ({"origin": "https://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        # a form
        (BROWSER | {"content-type": "application/json"}, None),
        (BROWSER | FORM, 415),
        (BROWSER | {"content-type": "application/x-www-form-urlencoded"}, 415),
        (BROWSER | {"content-type": "Multipart/Form-Data; boundary=x"}, 415),
    ],
)
def test_who_sends_a_change(headers: dict[str, str], code: int | None) -> None:
    refusal = foreign_page(Headers(HOST | headers))
    assert (refusal and refusal.code) == code


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True), ("localhost:8080", True), ("dnsguard", True), ("127.0.0.1", True), ("127.0.0.1:80", True),
        ("[::1]:80", True), ("[::1]", True), ("", True), ("localhost.", True), ("2001:db8::1", True),
        ("attacker.example", False), ("attacker.example:80", False), ("attacker.example.", False),
        ("127.0.0.1.attacker.example", False), ("[::1].attacker.example:80", True),
    ],
)  # fmt: skip
def test_names_over_the_unix_socket(host: str, is_ours: bool) -> None:
    refusal = foreign_name(Headers({"host": host}))
    assert (refusal is None) is is_ours
    assert refusal is None or refusal.code == 421
