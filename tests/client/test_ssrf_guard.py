"""URLs that an API names: which ones are requested, and that the connection goes to the checked address."""

import shutil
import ssl
import subprocess
from ipaddress import ip_address

import anyio
import pytest
from anyio.streams.tls import TLSListener

from img402_mcp.client.http import Request
from img402_mcp.client.ssrf_guard import MAX_URL_LENGTH, SsrfGuard, look_up, nearness
from img402_mcp.errors import BadAnswer, NotReached

PUBLIC_API, PRIVATE_API, LOCAL_API = "https://203.0.114.1/api", "https://10.0.0.1/api", "http://127.0.0.1:4020/api"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("8.8.8.8", "PUBLIC", id="public"),
        pytest.param("2606:4700::1", "PUBLIC", id="public-6"),
        pytest.param("::ffff:8.8.8.8", "PUBLIC", id="public-mapped"),
        pytest.param("64:ff9b::808:808", "PUBLIC", id="public-by-nat64"),
        pytest.param("10.0.0.1", "PRIVATE", id="private-10"),
        pytest.param("172.16.0.1", "PRIVATE", id="private-172"),
        pytest.param("192.168.1.1", "PRIVATE", id="private-192"),
        pytest.param("100.64.0.1", "PRIVATE", id="shared"),
        pytest.param("198.18.0.1", "PRIVATE", id="benchmarks"),
        pytest.param("fd12:3456::1", "PRIVATE", id="unique-local"),
        pytest.param("fd00:ec2::254", "NOWHERE", id="metadata-over-ipv6"),
        pytest.param("168.63.129.16", "NOWHERE", id="a-cloud-s-own-service"),
        pytest.param("fec0::1", "PRIVATE", id="site-local"),
        pytest.param("::ffff:10.0.0.1", "PRIVATE", id="private-mapped"),
        pytest.param("127.0.0.1", "LOOPBACK", id="loopback"),
        pytest.param("127.8.9.1", "LOOPBACK", id="loopback-elsewhere"),
        pytest.param("::1", "LOOPBACK", id="loopback-6"),
        pytest.param("::ffff:127.0.0.1", "LOOPBACK", id="loopback-mapped"),
        pytest.param("64:ff9b::7f00:1", "LOOPBACK", id="loopback-by-nat64"),
        pytest.param("2002:7f00:1::1", "LOOPBACK", id="loopback-by-6to4"),
        pytest.param("169.254.169.254", "NOWHERE", id="metadata"),
        pytest.param("192.0.0.192", "NOWHERE", id="metadata-elsewhere"),
        pytest.param("fe80::1", "NOWHERE", id="link-local"),
        pytest.param("0.0.0.0", "NOWHERE", id="this-host"),
        pytest.param("::", "NOWHERE", id="this-host-6"),
        pytest.param("224.0.0.1", "NOWHERE", id="multicast"),
        pytest.param("255.255.255.255", "NOWHERE", id="broadcast"),
        pytest.param("240.0.0.1", "NOWHERE", id="reserved"),
    ],
)
def test_how_private_an_address_is(address, expected):
    assert nearness(ip_address(address)).name == expected


@pytest.mark.parametrize(
    ("api", "url", "sentence"),
    [
        pytest.param(PUBLIC_API, "http://8.8.8.8/x", 'URL of plain http, at "8.8.8.8"; only https is used', id="http"),
        pytest.param(PRIVATE_API, "http://10.0.0.2/x", "URL of plain http", id="http-from-a-private-https"),
        pytest.param(PUBLIC_API, "https://10.0.0.2/x", "is a private address. An API at a public one", id="private"),
        pytest.param(PUBLIC_API, "https://[::1]/x", "is a loopback address. An API at a public one", id="loopback"),
        pytest.param(PRIVATE_API, "https://127.0.0.1/x", "loopback address. An API at a private one", id="too-near"),
        pytest.param(LOCAL_API, "http://169.254.169.254/x", "is a link-local or reserved address", id="metadata"),
        pytest.param("https://nowhere.example/", "https://10.0.0.2/x", "An API at a public one", id="api-unknown"),
        pytest.param(LOCAL_API, "ftp://127.0.0.1/x", 'not a usable URL, at "127.0.0.1"', id="another-scheme"),
        pytest.param(LOCAL_API, "file:///etc/passwd", "not a usable URL", id="file"),
        pytest.param(LOCAL_API, "http://127.0.0.1/a\nb", 'not a usable URL, at "127.0.0.1"', id="newline"),
        pytest.param(LOCAL_API, "http://127.0.0.1/a b", "not a usable URL", id="blank"),
        pytest.param(LOCAL_API, "http://127.0.0.1/é", "not a usable URL", id="not-ascii"),
        pytest.param(LOCAL_API, "http://u:secret@127.0.0.1/", 'not a usable URL, at "127.0.0.1"', id="password"),
        pytest.param(LOCAL_API, "http://127.0.0.1\\@8.8.8.8/", "not a usable URL", id="backslash"),
        pytest.param(LOCAL_API, "http://127.0.0.1/a#b", "not a usable URL", id="fragment"),
        pytest.param(LOCAL_API, "http://127.0.0.1:0/", "not a usable URL", id="port-0"),
        pytest.param(LOCAL_API, "http://127.0.0.1:70000/", "not a usable URL", id="port-70000"),
        pytest.param(LOCAL_API, "http://127.0.0.1", "not a usable URL", id="no-path"),
        pytest.param(LOCAL_API, "//127.0.0.1/x", "not a usable URL", id="no-scheme"),
        pytest.param(LOCAL_API, "http://127.0.0.1/" + "a" * MAX_URL_LENGTH, "not a usable URL", id="endless"),
        pytest.param(LOCAL_API, "", "not a usable URL", id="empty"),
    ],
)
async def test_a_forbidden_url_is_refused_and_only_its_host_is_named(api, url, sentence):
    with pytest.raises(BadAnswer) as caught:
        await SsrfGuard(api, look_up=nobody).sender(url)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 300


async def nobody(host: str, port: int):
    return []


def names(**known: list[str]):
    """A fake DNS lookup, and the names it was asked for."""
    looked_up: list[str] = []

    async def look(host: str, port: int):
        looked_up.append(host)
        found = known[host.partition(".")[0]]
        return [ip_address(address) for address in found]

    return look, looked_up


async def test_one_private_address_is_enough_to_refuse_the_name():
    look, _ = names(api=["8.8.8.8"], storage=["8.8.4.4", "127.0.0.1"])
    with pytest.raises(BadAnswer, match='at "storage.example", which is a loopback address'):
        await SsrfGuard("https://api.example", look_up=look).sender("https://storage.example/x")


async def test_the_apis_most_private_address_is_not_what_counts():
    look, _ = names(api=["8.8.8.8", "127.0.0.1"], storage=["127.0.0.1"])
    with pytest.raises(BadAnswer, match="An API at a public one"):
        await SsrfGuard("https://api.example", look_up=look).sender("https://storage.example/x")


async def test_a_name_without_an_address_is_not_reached():
    with pytest.raises(NotReached, match="^storage.invalid, which the API names, could not be resolved"):
        await SsrfGuard(LOCAL_API).sender("https://storage.invalid/x")


async def test_the_name_is_looked_up_once_and_the_checked_address_is_the_one_connected_to(peers, answering):
    peer = await peers(answering(b""), answering(b""))
    look, looked_up = names(storage=["127.0.0.1"])
    url = f"http://storage.example:{peer.url.rpartition(':')[2]}/bucket/a%20b.png?X-Amz-Signature=a%2Fb&x=~"
    send = await SsrfGuard(LOCAL_API, look_up=look).sender(url)
    request = Request("PUT", url, {"Content-Type": "image/png"}, (b"image",))
    assert [(await send(request)).status for _ in range(2)] == [200, 200]
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    sent_headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert looked_up == ["storage.example"]
    assert lines[0] == "PUT /bucket/a%20b.png?X-Amz-Signature=a%2Fb&x=~ HTTP/1.1"
    assert (sent_headers["host"], sent_headers["content-type"], sent_headers["content-length"], body) == (
        url.split("/")[2],
        "image/png",
        "5",
        b"image",
    )
    assert not {"authorization", "x-payment", "payment-signature", "transfer-encoding"} & {*sent_headers}


async def test_where_an_address_refuses_the_connection_the_next_one_is_tried(peers, answering):
    peer = await peers(answering(b""))
    look, _ = names(storage=["127.0.0.2", "127.0.0.1"])
    url = f"http://storage.example:{peer.url.rpartition(':')[2]}/x"
    send = await SsrfGuard(LOCAL_API, look_up=look).sender(url)
    assert (await send(Request("PUT", url, body=(b"image",)))).status == 200


async def test_a_sender_is_for_the_url_that_was_checked():
    send = await SsrfGuard(LOCAL_API).sender("http://127.0.0.1:9/x")
    with pytest.raises(ValueError, match="another URL than the one that was checked"):
        await send(Request("PUT", "http://127.0.0.1:9/y"))


async def test_a_redirect_is_an_answer_and_a_proxy_is_not_used(peers, answering, monkeypatch):
    other = await peers()
    peer = await peers(answering(b"", 307, Location=f"{other.url}/x"))
    monkeypatch.setenv("HTTP_PROXY", other.url)
    send = await SsrfGuard(LOCAL_API).sender(f"{peer.url}/x")
    assert (await send(Request("PUT", f"{peer.url}/x", body=(b"image",)))).status == 307
    assert other.requests == []


async def test_a_server_without_a_valid_certificate_gets_nothing(tmp_path, monkeypatch):
    """The certificate is requested and checked for the name, at the address that was checked."""
    certificate, key = certified(tmp_path, "storage.example")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    greeted: list[str | None] = []
    server.sni_callback = lambda _, name, __: greeted.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    received: list[bytes] = []
    look, _ = names(storage=["127.0.0.1"], other=["127.0.0.1"])
    named = SsrfGuard("http://127.0.0.1/api", look_up=look)

    async def answer(stream):
        received.append(await stream.receive())
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await stream.aclose()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.start_soon(TLSListener(listener, server, standard_compatible=False).serve, answer)
        right, wrong = (f"https://{name}.example:{port}/x" for name in ("storage", "other"))
        assert (await (await named.sender(right))(Request("PUT", right))).status == 200
        with pytest.raises(NotReached, match="certificate"):
            await (await named.sender(wrong))(Request("PUT", wrong))
        tasks.cancel_scope.cancel()
    assert greeted == ["storage.example", "other.example"]
    assert len(received) == 1


def certified(folder, name):
    files = folder / "certificate.pem", folder / "key.pem"
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN={name}"
    openssl = shutil.which("openssl") or pytest.skip("there is no openssl here")
    command = [openssl, *words.split(), "-addext", f"subjectAltName=DNS:{name}", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


async def test_the_system_is_asked_for_a_name_s_addresses():
    assert {address.is_loopback for address in await look_up("localhost", 80)} == {True}
    assert await look_up("a" * 70 + ".example", 80) == []
