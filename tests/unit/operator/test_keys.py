"""`fleawatch keys`: what it says can be pasted, and shows nothing secret."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleawatch.control.signing import BadSignature, Keyring, Signer
from fleawatch.errors import ConfigError
from fleawatch.operator.keys_command import keys
from fleawatch.settings import Settings


def _said(*words: str) -> str:
    done = CliRunner().invoke(keys, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def _settings_in(text: str, step: str) -> Settings:
    """The one variable in the line that begins with `step`."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(step)]
    name, _, value = line.split()[-1].partition("=")
    if name.endswith("_FILE"):
        return Settings(control_key=Path(value).read_text(encoding="ascii"))
    return Settings(control_trusted=value)


def test_a_key_is_made_shown_and_replaced_while_agents_trust_one_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = _said("generate", "--out", "old.key")
    secret = (tmp_path / "old.key").read_text(encoding="ascii").strip()
    old = Signer.of_settings(_settings_in(made, "monitor"))
    agents = Keyring.of_settings(_settings_in(made, "every"))
    assert old is not None
    assert agents is not None
    agents.verify(old.sign({"a": 1}))
    rotated = _said("rotate", "old.key", "--out", "new.key")
    new = Signer.of_settings(_settings_in(rotated, "2."))
    between = Keyring.of_settings(_settings_in(rotated, "1."))
    after = Keyring.of_settings(_settings_in(rotated, "3."))
    assert new is not None
    assert between is not None
    assert after is not None
    for signer in (old, new):
        between.verify(signer.sign({"a": 1}))
    after.verify(new.sign({"a": 1}))
    with pytest.raises(BadSignature):
        after.verify(old.sign({"a": 1}))
    shown = _said("show", "old.key")
    assert shown == f"{old.key_id}  {old.public}\n"
    assert secret not in made + rotated + shown
    with pytest.raises(ConfigError, match="never overwritten"):
        _said("generate", "--out", "new.key")


def test_what_the_environment_has_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unsigned" in _said("show")
    signer = Signer(bytes(32))
    monkeypatch.setenv("FLEAWATCH_CONTROL_TRUSTED", f"{signer.public},{Signer(bytes(range(32))).public}")
    assert signer.key_id in _said("show")
