"""Settings and their variables: each unreadable or unknown one is reported."""

from img402_mcp.doctor import variables
from img402_mcp.doctor.finding import fail, warn


async def test_all_unreadable_settings_are_reported_at_once(found):
    findings = await found(
        "settings", IMG402_API_URL="x", IMG402_MAX_PAYMENT="much", IMG402_WALLET_KEY="12", IMG402_STUDIO_URL="http://s"
    )
    assert [each.said.partition(" ")[0] for each in findings if each.level == "fail"] == [
        "IMG402_API_URL",
        "IMG402_MAX_PAYMENT:",
        "IMG402_WALLET_KEY",
        "The",
    ]


async def test_the_readable_settings_are_still_checked(found, tmp_path):
    environ = {"IMG402_API_URL": "x", "IMG402_ALLOW_DIRS": str(tmp_path), "IMG402_SCRUB": "off"}
    settings, sentences = variables.read(environ)
    assert (settings.allow_dirs, settings.scrub, [*sentences]) == ((tmp_path,), False, ["IMG402_API_URL"])
    assert await found("api", **environ) == []


async def test_a_misspelt_variable_fails_since_nothing_starts_with_it(found):
    (finding,) = await found("variables", img402_api_url="a secret")
    assert finding == fail(
        '"img402_api_url" is not a variable of img402-mcp, so it has no effect: did you mean IMG402_API_URL?',
        "Correct the name; until then no server or command starts.",
    )
    assert await found("server", img402_api_url="a secret") == []


async def test_an_unknown_variable_that_resembles_none_is_a_warning(found):
    (finding,) = await found("variables", IMG402_QQQQ="a secret")
    assert finding == warn(
        '"IMG402_QQQQ" is not a variable of img402-mcp, so it has no effect.',
        "Remove it; the README has a table of all variables.",
    )


async def test_the_hosts_variables_are_not_reported(levels_and_texts):
    assert await levels_and_texts("variables", IMG402_HOST_DATA="x") == [("ok", "no unknown IMG402_ variable")]
