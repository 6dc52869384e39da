"""An error that is passed on with more text stays the same error."""

import pytest

from img402_mcp.errors import AnswerLost, Img402Error, OutsideRoots, TokenRefused, UploadRejected


@pytest.mark.parametrize(
    "error",
    [
        AnswerLost("It broke off."),
        UploadRejected("It is too large.", code="file_too_large", api_message="1 MB"),
        TokenRefused("It was used.", code="invalid_token"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_added_follows_and_nothing_else_changes(error: Img402Error):
    before = str(error)
    more = error.adding("Nothing was bought.")
    assert (type(more), str(more), vars(more)) == (type(error), f"{before} Nothing was bought.", vars(error))
    assert str(error) == before


def test_the_added_text_may_come_twice_and_the_fields_stay_apart(tmp_path):
    error = OutsideRoots("It is not allowed.", tmp_path)
    more = error.adding("One.").adding("Two.")
    more.folder = tmp_path / "other"
    assert (str(more), error.folder) == ("It is not allowed. One. Two.", tmp_path)
