"""Who may say what an agent shall do: nothing that was not signed, just as it is, by a trusted key."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.control.key_files import generate, read
from fleawatch.control.records import command, command_id_of, control_state, opened, sealed
from fleawatch.control.signing import BadSignature, Keyring, Signer, canonical
from fleawatch.errors import ConfigError
from fleawatch.settings import Settings
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire_control import Command, ControlState

SCHEMAS = Path(__file__).parents[3] / "schemas"
NOW = 1_767_225_600.25
SIGNER, OTHER = Signer(bytes(range(32))), Signer(bytes(32))


def _keyring(*signers: Signer) -> Keyring:
    keyring = Keyring.of_settings(Settings(control_trusted=" , ".join(one.public for one in signers)))
    assert keyring is not None
    return keyring


def test_the_canonical_form_is_sorted_compact_utf8_without_the_signature() -> None:
    record = {"b": 1.5, "a": "ü", "signature": "x", "c": {"z": None, "y": [1, True]}}
    assert canonical(record) == '{"a":"ü","b":1.5,"c":{"y":[1,true],"z":null}}'.encode()


def test_signatures_and_key_ids_stay_what_they_are() -> None:
    """Agents of other versions, and in other languages, rely on them."""
    record = SIGNER.sign({"agent_id": "a", "version": 3, "ts": 1.5})
    assert record["key_id"] == "56475aa75463474c"
    assert record["signature"] == (
        "K5D4Hi470gfcO6E/dt+v9bH/CTNiqGeC0/Nng0WrjkH1hTxDMblK/f8AU2jZwafCbwg9ZwnQXpcrQ1JkgIAaAQ=="
    )


def test_the_signed_golden_example_is_good() -> None:
    """Whoever signs in another language can hold himself to it; the key is that of the bytes 0 to 31."""
    raw = (SCHEMAS / "examples" / "commands" / "valid-resume-signed.json").read_bytes()
    assert opened(raw, Command, _keyring(SIGNER)).by == "ann"


def test_a_command_comes_out_as_it_went_in() -> None:
    sent = command("a", "pause", reason="why", now=NOW, version=7, alert_id="0b7d11aa93fe2c64")
    found = opened(sealed(sent, SIGNER), Command, _keyring(OTHER, SIGNER))
    assert (found.key_id, found.command_id) == (SIGNER.key_id, command_id_of("0b7d11aa93fe2c64", "pause"))
    assert found.expires_ts - found.issued_ts <= 30
    unsigned = opened(sealed(sent, None), Command, None)
    assert unsigned == sent
    with pytest.raises(BadSignature, match="not signed"):
        opened(sealed(sent, None), Command, _keyring(SIGNER))


def test_an_untrusted_key_is_refused_also_under_a_trusted_name() -> None:
    record = json.loads(sealed(control_state("a", "running", reason="", now=NOW), OTHER))
    with pytest.raises(BadSignature, match="not trusted"):
        opened(json.dumps(record).encode(), ControlState, _keyring(SIGNER))
    record["key_id"] = SIGNER.key_id
    with pytest.raises(BadSignature, match="wrong"):
        opened(json.dumps(record).encode(), ControlState, _keyring(SIGNER))


@given(
    name=st.sampled_from(
        ["agent_id", "action", "reason", "nonce", "issued_ts", "expires_ts", "key_id", "extra"]
    ),
    value=st.one_of(st.text(max_size=8), st.integers(), st.floats(allow_nan=False), st.none(), st.booleans()),
)
def test_no_field_can_be_changed_or_added(name: str, value: Any) -> None:
    record = json.loads(sealed(command("a", "kill", reason="why", now=NOW), SIGNER))
    if name in record and record[name] == value:
        return
    changed = json.dumps({**record, name: value}).encode()
    with pytest.raises((BadSignature, Rejected)):
        opened(changed, Command, _keyring(SIGNER))


@pytest.mark.parametrize("signature", ["", "AAAA", "ü" * 88, 5, None, "A" * 88])
def test_no_signature_breaks_the_check(signature: object) -> None:
    record = {**SIGNER.sign({"a": 1}), "signature": signature}
    with pytest.raises(BadSignature):
        _keyring(SIGNER).verify(record)


def test_key_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "control.key"
    made = generate(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read(file).public == made.public
    with pytest.raises(ConfigError, match="never overwritten"):
        generate(file)


def test_a_wrong_key_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("my-secret-key\n", encoding="ascii")
    monkeypatch.setenv("FLEAWATCH_CONTROL_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ConfigError, match="32 bytes") as error:
        Signer.of_settings(Settings.load())
    assert "my-secret" not in f"{error.value!r} {error.value.hint}"


def test_without_keys_there_is_nobody_to_sign_or_to_check() -> None:
    assert Keyring.of_settings(Settings()) is None
    assert Signer.of_settings(Settings()) is None
