"""`fleawatch init` at a terminal, on a real broker, with servers that are Telegram and Slack."""

import asyncio
import os
import pty
import re
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from engine_app.fleet import python
from fleawatch.settings import Settings
from running import environment
from stand_ins.slack import FakeSlack
from stand_ins.telegram import FakeTelegram

pytestmark = pytest.mark.broker

SECRET = "TEST-canary"


class Terminal:
    """`fleawatch init` in a pseudo-terminal; `seen` is all that it ever showed."""

    def __init__(self, env: dict[str, str], directory: Path, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            python("-m", "fleawatch.cli", "init", *words), env={**env, "PYTHONIOENCODING": "utf-8"}, cwd=directory,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""
        self._at = 0

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):
            self.seen += os.read(self._ours, 65536).decode("utf-8", "replace")
            return
        asyncio.get_running_loop().remove_reader(self._ours)

    async def until(self, words: str) -> str:
        """Wait for `words` after what was waited for before; what has come up to them."""
        async with asyncio.timeout(30):
            while words not in self.seen[self._at :]:
                assert self.process.poll() is None or words in self.seen[self._at :], self.seen
                await asyncio.sleep(0.02)
        end = self.seen.index(words, self._at) + len(words)
        found, self._at = self.seen[self._at : end], end
        return found

    async def answer(self, question: str, words: str) -> None:
        await self.until(question)
        os.write(self._ours, f"{words}\n".encode())

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 20)


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as made:
        made.chats.add("7")
        yield made


async def test_questions_end_in_a_file_of_settings(
    settings: Settings, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """Breaks when a secret is echoed, a stranger is taken for the owner, or the file is anybody's to read."""
    env = environment(settings, telegram_api_base=telegram.url, telegram_users="8=viewer")
    async with FakeSlack() as slack, Terminal(env, tmp_path) as at:
        await at.answer("Kafka servers", "")
        await at.answer("topics are missing", "y")
        await at.answer("Telegram", "y")
        await at.answer("bot's token", "123456:not-the-right-one-at-all-0123456789")
        await at.until("Telegram does not know this token")
        (tmp_path / "token").write_text(telegram.token)
        await at.answer("bot's token", str(tmp_path / "token"))
        code = re.search(r"\?start=([0-9a-f]{8}) ", await at.until("write there:"))
        assert code
        telegram.say("/start 00000000", user_id=9, name="eve")
        telegram.say(f"/start@fleet_test_bot {code[1]}", user_id=7, name="ann", chat_id="7")
        await at.until("chat 7; you are ann (7)")
        await telegram.wait_for_delivered(1)
        (number,) = telegram.messages
        telegram.tap(number, telegram.messages[number].pressable[0])
        await at.until("the tap came back")
        await at.answer("Slack", "y")
        await at.answer("webhook", slack.webhook)
        await at.answer("Is it there?", "y")
        await at.until("fleawatch doctor")
        assert await at.ended() == 0
        assert len(slack.delivered) == 1
        assert SECRET not in at.seen
        assert telegram.token not in at.seen
    written = settings_in(tmp_path / "fleawatch.env")
    assert written == {
        "FLEAWATCH_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FLEAWATCH_TELEGRAM_TOKEN": telegram.token,
        "FLEAWATCH_TELEGRAM_CHAT_ID": "7",
        "FLEAWATCH_TELEGRAM_USERS": "8=viewer,7=operator",
        "FLEAWATCH_SLACK_WEBHOOK": slack.webhook,
    }


def settings_in(file: Path) -> dict[str, str]:
    """As a shell reads them. Nobody else may, and nothing is left beside it."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.glob(".fleawatch.env*")) == []
    shell = f"set -a; . {file}; env | grep ^FLEAWATCH_"
    sourced = subprocess.run(["sh", "-c", shell], env={}, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in sourced.splitlines())


def init(settings: Settings, directory: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python("-m", "fleawatch.cli", "init", *words), env=environment(settings, **more), cwd=directory,
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


async def test_in_a_pipe_it_says_what_to_do_instead(
    settings: Settings, telegram: FakeTelegram, tmp_path: Path
) -> None:
    done = await asyncio.to_thread(init, settings, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no terminal" in done.stderr
    assert "--non-interactive" in done.stderr
    more = {"telegram_token": telegram.token, "telegram_api_base": telegram.url}
    done = await asyncio.to_thread(init, settings, tmp_path, "--non-interactive", **more)
    assert done.returncode == 2
    assert "FLEAWATCH_TELEGRAM_CHAT_ID is not set" in done.stderr
    assert not (tmp_path / "fleawatch.env").exists()
    more["telegram_chat_id"] = telegram.chat_id
    done = await asyncio.to_thread(init, settings, tmp_path, "--non-interactive", **more)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert [call.text for call in telegram.delivered] == ["fleawatch is set up here."]
    done = await asyncio.to_thread(init, settings, tmp_path, "--non-interactive", **more)
    assert "is there already" in done.stderr
