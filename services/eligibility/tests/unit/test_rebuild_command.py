"""What `kyufu rebuild` answers before it has read anything."""

from pathlib import Path

import pytest

from services.eligibility import rebuild


@pytest.mark.parametrize("stage", ["identify", "link"])
def test_what_is_missing_is_named_and_is_no_difference(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"KYUFU_SECRETS_DIR": str(tmp_path)}
    if stage == "link":
        environ["KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    assert rebuild.main(["--verify", "--stage", stage], environ) == rebuild.CANNOT_START
    named = "KAFKA_BOOTSTRAP" if stage == "identify" else "identity.key"
    assert named in capsys.readouterr().err


def test_a_folder_that_holds_something_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old").touch()
    arguments = ["--verify", "--into", str(tmp_path)]
    assert rebuild.main(arguments, {}) == rebuild.CANNOT_START
    assert "is not empty" in capsys.readouterr().err
