"""The wallet: the specification's own signature, a key that is shown nowhere, files that nobody else can read."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.client.payments.wallet import Wallet, import_keystore, new_keystore
from img402_mcp.errors import SettingsError
from img402_mcp.wire import x402 as wire
from img402_mcp.wire.evm import account
from tests.fakes.keys import ADDRESS, KEY, VECTOR_KEY
from tests.fakes.paywall import recovered

resource = pytest.importorskip("resource", reason="limits of POSIX processes, and the modes of files")
VECTORS = Path(__file__).parents[2] / "vectors"
PASSWORD = "correct horse"
NO_KEY = "The wallet key is not a key of secp256k1. Make one with `img402-mcp wallet new FILE`, or export yours again."
CHECK = "Check the file that IMG402_WALLET_FILE names."


def payload(name: str) -> wire.ExactPayload:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    return wire.ExactPayload.model_validate(vector.get("payload") or vector["message"]["payload"])


def test_the_specification_s_signature_is_over_what_we_sign():
    """Its key is not public, so the test recovers its payer from its signature over our typed data."""
    spec = payload("spec_signature")
    assert recovered(spec, wire.BASE_SEPOLIA) == "0x857b06519E91e3A54538791bDbb0E22373e36b66"


@pytest.mark.parametrize("network", wire.NETWORKS.values(), ids=wire.NETWORKS)
def test_what_we_sign_recovers_to_us_under_the_network_s_own_domain(wallet, network):
    authorization = payload("spec_signature").authorization.model_copy(update={"payer": wallet.address})
    signed = wire.ExactPayload(signature=wallet.sign(authorization, network), authorization=authorization)
    others = [other for other in wire.NETWORKS.values() if other != network]
    assert recovered(signed, network) == ADDRESS
    assert ADDRESS not in [recovered(signed, other) for other in others]


@pytest.mark.parametrize("name", ["proof_v1", "proof_v2"])
def test_the_shared_vectors_carry_our_signature(name):
    given = payload(name)
    assert Wallet.from_key(VECTOR_KEY).sign(given.authorization, wire.BASE) == given.signature


def test_a_payment_for_another_payer_is_not_signed(wallet):
    with pytest.raises(ValueError, match=f"is not this wallet, {ADDRESS}"):
        wallet.sign(payload("spec_signature").authorization, wire.BASE)


@pytest.mark.parametrize(
    "key", [KEY, KEY[2:], KEY.upper().replace("0X", "0x"), f" {KEY}\n"], ids=["0x", "bare", "upper-case", "spaces"]
)
def test_a_key_is_accepted_with_or_without_its_prefix(key):
    assert repr(Wallet.from_key(key)) == f"Wallet({ADDRESS})"


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        pytest.param("", "The wallet key must be 64 hexadecimal digits; this one has 0 characters.", id="empty"),
        pytest.param(
            "4c" * 31, "The wallet key must be 64 hexadecimal digits; this one has 62 characters.", id="short"
        ),
        pytest.param(
            "zz" * 32, "The wallet key must be 64 hexadecimal digits; this one has 64 characters.", id="no-hex"
        ),
        pytest.param(
            "word " * 12, "The wallet key must be 64 hexadecimal digits; this one has 59 characters.", id="a-mnemonic"
        ),
        pytest.param("00" * 32, NO_KEY, id="zero"),
        pytest.param("ff" * 32, NO_KEY, id="over-the-order"),
    ],
)
def test_an_invalid_key_is_refused_and_never_repeated(key, sentence):
    with pytest.raises(SettingsError) as caught:
        Wallet.from_key(key)
    assert str(caught.value) == sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_keystore_is_readable_only_by_its_owner(tmp_path):
    path = tmp_path / "wallets" / "agent.json"
    assert import_keystore(path, KEY, PASSWORD) == ADDRESS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]
    assert KEY[2:] not in path.read_text().lower()
    assert Wallet.from_keystore(path, PASSWORD).address == ADDRESS


def test_a_wrong_password_is_reported_without_secrets(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text(json.dumps(account().encrypt(bytes.fromhex(KEY[2:]), PASSWORD, kdf="pbkdf2", iterations=2)))
    assert Wallet.from_keystore(path, PASSWORD).address == ADDRESS
    with pytest.raises(SettingsError) as caught:
        Wallet.from_keystore(path, "wrong horse")
    assert str(caught.value) == (
        f"The keystore {path} could not be decrypted: wrong password, or it is not a keystore of version 3. "
        "Check the password, and the file that IMG402_WALLET_FILE names."
    )
    assert caught.value.__suppress_context__


def test_a_keystore_is_never_overwritten(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text("the only copy of a key")
    with pytest.raises(SettingsError) as caught:
        new_keystore(path, PASSWORD)
    assert str(caught.value) == f"{path} exists already and may hold a key: name another file."
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the only copy of a key"]


def test_a_keystore_without_a_password_is_refused(tmp_path):
    with pytest.raises(SettingsError) as caught:
        new_keystore(tmp_path / "agent.json", "")
    assert str(caught.value) == ("A keystore needs a password: without one anyone who reads the file has the money.")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, "The keystore {path} could not be read: No such file or directory. " + CHECK, id="missing"),
        pytest.param("", '"{path}" is not a keystore: it holds no JSON object. ' + CHECK, id="empty"),
        pytest.param("[]", '"{path}" is not a keystore: it holds no JSON object. ' + CHECK, id="a-list"),
        pytest.param("[" * 200_000, '"{path}" is not a keystore: it holds no JSON object. ' + CHECK, id="deep"),
        pytest.param(
            "{}",
            "The keystore {path} could not be decrypted: wrong password, or it is not a keystore of version 3. "
            "Check the password, and the file that IMG402_WALLET_FILE names.",
            id="another-object",
        ),
    ],
)
def test_a_file_that_is_not_a_keystore_is_refused(tmp_path, content, sentence):
    path = tmp_path / "k.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        Wallet.from_keystore(path, PASSWORD)
    assert str(caught.value) == sentence.format(path=path)


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_nothing_but_opening_a_wallet_imports_eth_account():
    program = "import sys, img402_mcp.client.payments.payer; print('eth_account' in sys.modules)"
    assert python(program) == "False\n"


def test_without_eth_account_a_wallet_says_where_paying_works():
    program = (
        "import sys; sys.modules['eth_account'] = None\n"
        "from img402_mcp.client.payments.wallet import SettingsError, Wallet\n"
        f"try: Wallet.from_key('{KEY}')\n"
        "except SettingsError as error: print(error)"
    )
    said = python(program)
    assert all(words in said for words in ("eth-account", "Free uploads work", "Python 3.11 to 3.14"))
    assert KEY[2:] not in said


def test_opening_a_wallet_leaves_the_recursion_limit_alone():
    """One of eth_account's dependencies raises it so far that nested JSON would overflow the stack."""
    program = (
        "import sys; before = sys.getrecursionlimit();"
        f"from img402_mcp.client.payments.wallet import Wallet; Wallet.from_key('{KEY}'); import py_ecc;"
        "print(sys.getrecursionlimit() == before)"
    )
    assert python(program) == "True\n"


def test_a_process_with_a_key_writes_no_core_dump():
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most == 0:
        pytest.skip("this machine allows no core anyway")
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    Wallet.from_key("4c" * 32)
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, most)
