"""The file of who may log in: what it holds, what it refuses, and that it never tells a password."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from briefqa.errors import PasswordFileError
from briefqa.passwords import (
    LONGEST_PASSWORD,
    PasswordFile,
    read_passwords,
    remove_password,
    set_password,
    verify,
)

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("hash") / "people"
    set_password(path, "alice", PASSWORD)
    return read_passwords(path)["alice"]


def test_a_password_is_kept_as_a_hash_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "people"
    set_password(path, "alice", PASSWORD)
    assert PASSWORD not in path.read_text("utf-8") and path.read_text("utf-8").startswith("alice:$argon2id$")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    people = read_passwords(path)
    assert verify(people, "alice", PASSWORD)
    assert not verify(people, "alice", PASSWORD + "!") and not verify(people, "bob", PASSWORD)
    assert not verify(people, "alice", "") and not verify({}, "alice", PASSWORD)


def test_a_new_password_takes_the_place_of_the_old_and_leaves_the_rest(tmp_path: Path, hashed: str) -> None:
    path = tmp_path / "people"
    path.write_text(f"# the team\n\nalice:{hashed}\nbob:{hashed}\n", encoding="utf-8")
    set_password(path, "alice", "another horse")
    lines = path.read_text("utf-8").splitlines()
    assert lines[:2] == ["# the team", ""] and lines[3] == f"bob:{hashed}" and len(lines) == 4
    people = read_passwords(path)
    assert verify(people, "alice", "another horse") and not verify(people, "alice", PASSWORD)
    remove_password(path, "alice")
    assert set(read_passwords(path)) == {"bob"} and path.read_text("utf-8").startswith("# the team\n")
    with pytest.raises(PasswordFileError, match="nobody of the name alice"):
        remove_password(path, "alice")
    assert os.listdir(tmp_path) == ["people"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "people").symlink_to(tmp_path / "etc" / "people")
    set_password(tmp_path / "people", "alice", PASSWORD)
    assert (tmp_path / "people").is_symlink() and (tmp_path / "etc" / "people").is_file()


def test_an_accent_is_the_same_however_it_is_typed(tmp_path: Path) -> None:
    set_password(tmp_path / "people", "zoë", "pässwörter")
    people = read_passwords(tmp_path / "people")
    assert verify(people, "zoe\u0308", "pa\u0308sswo\u0308rter")


@pytest.mark.parametrize(
    "line",
    [
        "bob:hunter2-secret",
        "hunter2-secret",
        "bob:$argon2id$hunter2-secret",
        "bob:$2b$12$hunter2-secret",
        "bob:{hash}x=y",
    ],
)
def test_what_is_no_hash_is_told_by_its_line_and_never_repeated(tmp_path: Path, hashed: str, line: str) -> None:
    path = tmp_path / "people"
    path.write_text(f"alice:{hashed}\n{line.replace('{hash}', hashed)}\n", encoding="utf-8")
    with pytest.raises(PasswordFileError) as told:
        read_passwords(path)
    assert str(told.value).startswith(f"{path}:2: ") and "briefqa password NAME --auth" in str(told.value)
    assert "hunter2" not in str(told.value) and "argon2id$" not in str(told.value)


def test_a_file_that_lets_nobody_in_is_an_error(tmp_path: Path, hashed: str) -> None:
    with pytest.raises(PasswordFileError, match=r"no password file at .*: make it with `briefqa password NAME"):
        read_passwords(tmp_path / "none")
    (tmp_path / "empty").write_text("# nobody yet\n", encoding="utf-8")
    with pytest.raises(PasswordFileError, match="names nobody"):
        read_passwords(tmp_path / "empty")
    (tmp_path / "twice").write_text(f"alice:{hashed}\nalice:{hashed}\n", encoding="utf-8")
    with pytest.raises(PasswordFileError, match="twice:2: alice is there twice"):
        read_passwords(tmp_path / "twice")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PasswordFileError, match="not UTF-8"):
        read_passwords(tmp_path / "binary")
    with pytest.raises(PasswordFileError, match="Is a directory"):
        read_passwords(tmp_path)


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\nb", "#a", " a", "a\u202eb", "x" * 65])
def test_a_name_that_the_file_could_not_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PasswordFileError, match="the name"):
        set_password(tmp_path / "people", name, PASSWORD)
    assert not (tmp_path / "people").exists()


def test_a_password_is_neither_short_nor_endless(tmp_path: Path, hashed: str) -> None:
    with pytest.raises(PasswordFileError, match="too short"):
        set_password(tmp_path / "people", "alice", "1234567")
    with pytest.raises(PasswordFileError, match="too long"):
        set_password(tmp_path / "people", "alice", "x" * (LONGEST_PASSWORD + 1))
    assert not verify({"alice": hashed}, "alice", "x" * 10_000_000)


def test_who_is_taken_out_of_the_file_is_out_at_once(
    tmp_path: Path, hashed: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "people"
    path.write_text(f"alice:{hashed}\nbob:{hashed}\n", encoding="utf-8")
    people = PasswordFile(path)
    assert set(people) == {"alice", "bob"} and len(people) == 2
    remove_password(path, "bob")
    assert "bob" not in people and "alice" in people
    path.write_text("nonsense\n", encoding="utf-8")
    assert "alice" in people and "old passwords hold" in caplog.text


# The command.


def test_a_password_is_read_from_stdin_and_never_printed(run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD}\n".encode())))
    path = tmp_path / "people"
    status, out, err = run("password", "alice", "--auth", path)
    assert (status, err) == (0, "") and out == f"alice can log in to `briefqa chat --auth {path}`\n"
    assert verify(read_passwords(path), "alice", PASSWORD)
    assert run("password", "alice", "--auth", path, "--remove") == (0, "alice can no longer log in\n", "")
    assert run("password", "alice", "--auth", path, "--remove")[0] == 1


def test_a_password_on_the_command_line_is_wrong_usage(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    status, out, _ = run("password", "alice", PASSWORD, "--auth", tmp_path / "people")
    assert (status, out) == (2, "") and not (tmp_path / "people").exists()


@pytest.mark.parametrize("line", ["", "\n", "short\n"])
def test_no_password_is_one_line_and_no_file(run, tmp_path: Path, monkeypatch, line: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    status, out, err = run("password", "alice", "--auth", tmp_path / "people")
    assert (status, out) == (1, "") and "too short" in err and len(err.splitlines()) == 1
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("--admin", "alice"), 2, "give --auth FILE too"),
        (("--root-path", "briefs"), 2, "is no path to serve the chat at"),
        (("--root-path", "/a/../b"), 2, "is no path to serve the chat at"),
        (("--workers", "0"), 2, "--workers"),
        (("--auth", "none"), 1, "no password file at none"),
        (("--auth", "people", "--admin", "eve"), 1, "people has nobody of the name eve: add them with"),
    ],
)
def test_a_chat_that_cannot_be_served_so_says_why(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch, hashed: str, args: tuple[str, ...], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people").write_text(f"alice:{hashed}\n", encoding="utf-8")
    ended, out, err = run("chat", *args)
    assert (ended, out) == (status, "") and message in " ".join(err.replace("│", "").split())
