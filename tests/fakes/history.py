"""An upload as the history stores it."""

from img402_mcp.client.history import HistoryEntry

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z
DAY = 86_400
ENTRY = HistoryEntry(
    at=NOW,
    path="/home/ann/shots/Login Page.png",
    source="aa" * 32,
    sent="bb" * 32,
    url="https://i.example/Xy12.webp",
    id="Xy12",
    api="https://api.example",
    terms="free",
    preparation="scrub fit",
    content_type="image/webp",
    size_bytes=700_000,
    width=1280,
    height=800,
    expires_at=NOW + 7 * DAY,
    expiry_known=True,
    price=0,
    done="png 3.1 MB -> webp 0.7 MB, lossless",
)
