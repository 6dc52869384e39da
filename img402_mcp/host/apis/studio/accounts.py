"""The operator's commands: who may upload inputs to this host's studio."""

from sqlalchemy import delete, select

from img402_mcp.errors import quoted
from img402_mcp.host.api_keys import hash_of, new_credential
from img402_mcp.host.apis.accounts import Accounts, Entry, valid_name
from img402_mcp.host.apis.studio.tokens import TOKENS
from img402_mcp.host.storage.images import new_id


class StudioAccounts(Accounts):
    def add_token(self, name: str, *, may_upload: bool) -> Entry:
        token = new_credential("studio")
        row = {"id": new_id(), "name": valid_name(name), "token_hash": hash_of(token), "may_upload": may_upload}
        self._add(TOKENS, row, f"a token {quoted(name)}")
        return {"name": name, "token": token, "may_upload": may_upload}

    def remove_token(self, name: str) -> Entry:
        self._change(delete(TOKENS).where(TOKENS.c.name == name).returning(TOKENS.c.id), "token", name)
        return {"removed": name}

    def tokens(self) -> list[Entry]:
        return self._all(select(TOKENS.c.name, TOKENS.c.may_upload, TOKENS.c.created_at).order_by(TOKENS.c.name))
