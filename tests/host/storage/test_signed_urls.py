"""URLs that were given out stay good: the same secret signs them as every version before did."""

import pytest

from img402_mcp.host.storage.signed_urls import Permit, SignedUrls

SIGNER = SignedUrls(b"a secret that older versions had", "https://i.example")
NAME, UNTIL = "aaaaaaaaaaaaa.png", 1770552000


@pytest.mark.parametrize(
    ("url", "known"),
    [
        pytest.param(
            SIGNER.deletion(NAME),
            f"https://i.example/delete/{NAME}?key=4b5fc39d20461737ca71a4a42f88329154344492",
            id="delete",
        ),
        pytest.param(
            SIGNER.url(Permit("GET", NAME, UNTIL)),
            f"https://i.example/previews/{NAME}?expires={UNTIL}"
            "&signature=ab62102c2247f012858cfce1e2bc56d9783cd5e5a6bce54019c11f62cd0718bd",
            id="preview",
        ),
        pytest.param(
            SIGNER.url(Permit("PUT", "media-1", UNTIL, "image/png", 5)),
            f"https://i.example/uploads/media-1?expires={UNTIL}&type=image%2Fpng&size=5"
            "&signature=6d57c93b7a5635f051bfb853ae8e3fb21fc97428c72cf8528c458c448a3a6c9f",
            id="upload",
        ),
    ],
)
def test_a_url_is_signed_as_it_always_was(url: str, known: str):
    assert url == known


@pytest.mark.parametrize("key", ["", SIGNER.deletion("bbbbbbbbbbbbb.png").partition("=")[2], "ü"])
def test_the_key_of_one_image_deletes_no_other(key: str):
    assert not SIGNER.allows_deletion(NAME, key)
