"""Which connections are accepted, which are closed to make room, and which are asked to retry."""

from ipaddress import ip_network

import pytest

from img402_mcp.host.http.connection_limits import FULL, HAS_ITS_SHARE, ConnectionLimits
from img402_mcp.host.settings import Timeouts

ONE, TWO, THREE, FOUR, FIVE = [(f"192.0.2.{number}", 1) for number in range(1, 6)]
PROXY = ("10.0.0.1", 1)


class Upload:
    """An upload whose body is so many seconds behind."""

    def __init__(self, behind: float = 0) -> None:
        self.behind, self.has_given_way = behind, False

    def lag(self) -> float:
        return self.behind

    def give_way(self) -> None:
        self.has_given_way = True


@pytest.fixture
def places() -> ConnectionLimits:
    """Eight connections, two for each address; a body counts as stalled when it is two seconds behind."""
    return ConnectionLimits(Timeouts(connections=8, body=20), [ip_network("10.0.0.0/8")])


def seated(places: ConnectionLimits, *peers: tuple[str, int] | None, behind: float = 0) -> list[Upload]:
    uploads = [Upload(behind) for _ in peers]
    refusals = [places.take(upload, peer) for upload, peer in zip(uploads, peers, strict=True)]
    assert refusals == [None] * len(peers)
    return uploads


def test_one_address_has_at_most_a_fourth(places: ConnectionLimits):
    seated(places, ONE, ONE)
    assert places.take(Upload(), ONE) == HAS_ITS_SHARE
    seated(places, TWO, TWO, THREE, THREE, FOUR, FOUR)
    assert places.take(Upload(), FIVE) == FULL


@pytest.mark.parametrize(
    ("peers", "refusals"),
    [
        pytest.param([PROXY] * 3, None, id="a-trusted-proxy-stands-for-many"),
        pytest.param([None] * 3, None, id="a-unix-socket-too"),
        pytest.param([("2001:db8::1", 1), ("2001:db8::2", 1), ("2001:db8::3", 1)], HAS_ITS_SHARE, id="one-ipv6-home"),
        pytest.param([ONE, ONE, ("::ffff:192.0.2.1", 1)], HAS_ITS_SHARE, id="written-another-way"),
    ],
)
def test_which_addresses_share_a_limit(places: ConnectionLimits, peers: list[tuple[str, int] | None], refusals: object):
    assert [places.take(Upload(), peer) for peer in peers] == [None, None, refusals]


def test_the_body_that_is_furthest_behind_makes_room(places: ConnectionLimits):
    uploads = [seated(places, PROXY, behind=behind)[0] for behind in (0, 3, 5, 1, 0, 0, 0, 0)]
    seated(places, ONE)
    assert [upload.behind for upload in uploads if upload.has_given_way] == [5]


def test_a_body_that_is_hardly_behind_keeps_its_place(places: ConnectionLimits):
    uploads = seated(places, *[PROXY] * 8, behind=1.9)
    assert (places.take(Upload(), ONE), any(it.has_given_way for it in uploads)) == (FULL, False)


def test_silent_connections_are_closed_before_slow_ones(places: ConnectionLimits):
    slow, *_ = seated(places, *[PROXY] * 6, behind=9)
    first, second = seated(places, PROXY, PROXY)
    places.waiting.update({second: None, first: None})
    seated(places, ONE)
    assert (slow.has_given_way, first.has_given_way, second.has_given_way) == (False, False, True)


def test_an_address_at_its_limit_makes_room_only_for_itself(places: ConnectionLimits):
    (other,) = seated(places, TWO, behind=9)
    mine, _ = seated(places, ONE, ONE)
    places.waiting.update({other: None, mine: None})
    seated(places, ONE)
    assert (other.has_given_way, mine.has_given_way) == (False, True)


def test_a_closed_connection_makes_room_once(places: ConnectionLimits):
    leaving, _ = seated(places, ONE, ONE)
    places.leave(leaving)
    places.leave(leaving)
    seated(places, ONE)
    assert places.take(Upload(), ONE) == HAS_ITS_SHARE
