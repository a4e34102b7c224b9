"""A webhook reaches the open internet, and nothing inside of this network, however its address is dressed up."""

from ipaddress import ip_address, ip_network

import pytest

from synthmill.webhooks.addresses import AddressRefused, checked, is_public, target

INSIDE = [
    "127.0.0.1",
    "127.8.9.1",
    "10.0.0.1",
    "172.16.0.9",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_inside_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(AddressRefused):
        await target(f"https://{f'[{address}]' if ':' in address else address}/hook", [])


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "localhost.", "[::ffff:7f00:1]"])
async def test_a_name_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        await target(f"https://{host}/hook", [])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://192.0.43.8/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@192.0.43.8/",
        "https://192.0.43.8/#part",
        "https://192.0.43.8:99999/",
        "https://192.0.43.8:0/",
        "https://192.0.43.8/a b",
        "https://192.0.43.8/\r\nhost: other",
        "javascript:alert(1)",
        f"https://192.0.43.8/{'a' * 2_100}",
        "https://[::1",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked(url)


async def test_a_public_address_is_pinned_and_its_name_kept() -> None:
    to = await target("https://192.0.43.8:8443/hook?team=a", [])
    assert (to.url, to.host_header) == ("https://192.0.43.8:8443/hook?team=a", "192.0.43.8:8443")
    assert (await target("https://192.0.43.8", [])).host_header == "192.0.43.8"


async def test_only_https_goes_out_and_what_is_allowed_goes_by_both() -> None:
    with pytest.raises(AddressRefused, match="https"):
        await target("http://192.0.43.8/hook", [])
    to = await target("http://127.0.0.1:8000/hook", [ip_network("127.0.0.0/8")])
    assert to.url == "http://127.0.0.1:8000/hook"
    with pytest.raises(AddressRefused):
        await target("http://10.0.0.1:8000/hook", [ip_network("127.0.0.0/8")])
