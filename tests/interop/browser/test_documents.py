"""What a browser loads of an HTML document is what publishing finds: no other picture, and none that is not shown."""

from posixpath import normpath
from typing import Any

import pytest

from img402_mcp.client.publish.publish import references
from img402_mcp.client.publish.references import Kind

SITE = "http://images.test/d/"
DOCUMENTS = [
    pytest.param("<base href='a/'><img src=s.png>", id="base"),
    pytest.param("<base target=x><base href='a/p.html?x#y'><base href=b/><img src=s.png>", id="first-base-with-href"),
    pytest.param("<base href='a/..'><img src=s.png>", id="base-with-dots"),
    pytest.param("<base href><base href='a/'><img src=s.png>", id="empty-base"),
    pytest.param("<base href='javascript:x'><img src=s.png>", id="base-of-a-script"),
    pytest.param("<base href='mailto:x'><img src=s.png>", id="base-of-nowhere"),
    pytest.param("<base href='//other.test/'><img src=s.png>", id="remote-base"),
    pytest.param("<base href='a\\b\\'><img src='c\\s.png'>", id="backslashes"),
    pytest.param("<base href='a/s.png'><img src='?v=1'>", id="query-alone"),
    pytest.param("<template><base href='a/'><img src=t.png></template><img src=s.png>", id="template"),
    pytest.param("<noscript><base href='a/'><img src=t.png></noscript><img src=s.png>", id="noscript"),
    pytest.param("<body><div><base href='a/'></div><img src=s.png>", id="base-in-the-body"),
    pytest.param("<img src='\n s\t.png \n'>", id="white-space"),
    pytest.param("<image src=s.png><svg><![CDATA[<img src=t.png>]]></svg>", id="foreign"),
    pytest.param("<script><!--<script></script><img src=t.png>--></script><img src=s.png>", id="script"),
    pytest.param("<textarea><img src=t.png></textarea><title><img src=u.png></title><img src=s.png>", id="raw-text"),
    pytest.param("<!--><img src=s.png><!-- --!><img src=t.png><!-- <img src=u.png>", id="comments"),
    pytest.param("<img src=s.png src=t.png alt=<!-- ><img/src=u.png>", id="attributes"),
    pytest.param("<body background=s.png><table background=t.png><tr><td background=u.png>x</table>", id="background"),
    pytest.param("<p style=\"background:url(&quot;s.png&quot;)\">x<p style='background:URL( t\\.png )'>x", id="style"),
    pytest.param("<style>p{background:url(s.png)} p::after{content:'url(t.png)'} /*url(u.png)*/</style><p>", id="css"),
    pytest.param('<p style="background:image-set(&quot;s.png&quot; 1x)">x', id="image-set"),
    pytest.param("<style>p{background:-webkit-image-set('s.png' 1x type('image/png'))}</style><p>x", id="older-set"),
    pytest.param("<p><template shadowrootmode=open><img src=s.png></template></p>", id="shadow-root"),
    pytest.param("<x-y> <template shadowrootmode=closed><base href=a/><img src=s.png></template></x-y>", id="its-base"),
    pytest.param("<p><template shadowrootmode=x><img src=t.png></template></p>", id="no-shadow-root"),
    pytest.param("<td background=s.png>x<video><source srcset=t.png></video><source srcset=u.png>", id="out-of-place"),
    pytest.param("<picture><source srcset=s.png><img src=s.png></picture>", id="picture"),
    pytest.param("<img srcset='s&comma;t.png 1x'>", id="srcset"),
]  # fmt: skip


@pytest.mark.parametrize("html", DOCUMENTS)
def test_a_browser_loads_the_images_that_are_found(browser: Any, html: str) -> None:
    found = {normpath(each.url.partition("?")[0]) for each in references(html, Kind.HTML).references}
    assert {url.partition("?")[0] for url in loaded(browser, html)} == {SITE + url for url in found}


def loaded(browser: Any, html: str) -> set[str]:
    """The images that the browser keeps after it has read the document, of this site."""
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/*", lambda route: route.fulfill(content_type="text/html", body=html) if route.request.url == SITE
                   else route.fulfill(status=404))  # fmt: skip
        requested: set[str] = set()
        page.on("request", lambda request: requested.add(request.url))
        page.goto(SITE, wait_until="load")
        return {url for url in requested - {SITE} if url.startswith(SITE)}
