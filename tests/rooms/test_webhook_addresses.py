"""Where a webhook may go: nowhere inside, however it is written."""

import socket

import pytest
from modelmill.core.errors import InvalidRequest
from modelmill.tenants.webhooks.addresses import url_check, url_resolve

# What resolves without a name server, since every one of them is a number in disguise.
INSIDE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.1",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "3232235521",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[::127.0.0.1]",
    "①②⑦.⓪.⓪.①",
]
NONSENSE = [
    "http://example.com/",
    "ftp://example.com/",
    "gopher://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https:///hook",
    "example.com/hook",
    "",
    "https://example.com:99999/",
    "https://user@example.com/",
    "https://user:word@example.com/",
    "https://127.0.0.1@example.com/",
    "https://exa mple.com/",
    "https://example.com/\r\nHost: inside",
    "https://[::1/",
    "//example.com/",
]


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_inside_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        url_resolve(f"https://{host}/hook")
    assert refused.value.param == "url"


@pytest.mark.parametrize("url", NONSENSE)
def test_what_is_no_https_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        url_check(url)
    assert refused.value.param == "url"


def answers(monkeypatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_with_one_address_inside_is_refused(monkeypatch) -> None:
    answers(monkeypatch, "93.184.215.14", "10.0.0.7")
    with pytest.raises(InvalidRequest, match="private network") as refused:
        url_resolve("https://rebind.example/hook")
    assert refused.value.code == "address_not_public"


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch) -> None:
    answers(monkeypatch, "93.184.215.14")
    target = url_resolve("https://example.com:8443/hook?a=1")
    assert (target.ip, target.host, target.port) == ("93.184.215.14", "example.com", 8443)
    assert target.path == "/hook?a=1"


def test_the_operator_may_allow_a_network_inside(settings) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["10.1.0.0/16"]
    assert url_resolve("https://10.1.2.3/").ip == "10.1.2.3"
    with pytest.raises(InvalidRequest):
        url_resolve("https://10.2.2.3/")
