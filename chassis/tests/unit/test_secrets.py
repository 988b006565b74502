"""The secrets folder: files are checked and named, never shown."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc.jwk import OKPKey

from chassis.secrets import SecretsDir, SecretsError

SIGNING = Ed25519PrivateKey.generate()
PEM = SIGNING.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
JWK = OKPKey.import_key(PEM)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("peppers", "sealing", "staff", "service"):
        (tmp_path / name).mkdir()
    public = OKPKey.import_key(PEM, {"kid": "service-1"}).as_dict(private=False)
    other = OKPKey.generate_key("Ed25519", {"kid": "staff-1"}).as_dict(private=False)
    (tmp_path / "staff" / "verify.jwks").write_text(json.dumps({"keys": [other, public]}))
    return tmp_path


def test_a_pepper_is_read_and_its_length_checked(folder: Path) -> None:
    (folder / "peppers" / "person.bin").write_bytes(b"p" * 32)
    (folder / "peppers" / "short.bin").write_bytes(b"p" * 31)
    assert SecretsDir(folder).pepper("person") == b"p" * 32
    with pytest.raises(SecretsError, match=r"peppers/short\.bin"):
        SecretsDir(folder).pepper("short")


def test_a_file_that_is_not_mounted_is_named(folder: Path) -> None:
    with pytest.raises(SecretsError, match=r"sealing/account\.key"):
        SecretsDir(folder).private_key("account")


def test_a_pair_of_sealing_keys_belongs_together(folder: Path) -> None:
    private = X25519PrivateKey.generate()
    (folder / "sealing" / "contact.key").write_bytes(private.private_bytes_raw())
    (folder / "sealing" / "contact.pub").write_bytes(private.public_key().public_bytes_raw())
    secrets = SecretsDir(folder)
    derived = secrets.private_key("contact").public_key().public_bytes_raw()
    assert derived == secrets.public_key("contact").public_bytes_raw()


@pytest.mark.parametrize(
    "content",
    [SIGNING.private_bytes_raw(), PEM, json.dumps(JWK.as_dict(private=True)).encode()],
    ids=["raw", "pem", "jwk"],
)
def test_a_signing_key_is_read_in_each_form_and_gets_its_key_id(
    folder: Path, content: bytes
) -> None:
    (folder / "service" / "signing.key").write_bytes(content)
    assert SecretsDir(folder).signing_key("service").kid == "service-1"


def test_a_signing_key_without_its_public_counterpart_is_refused(folder: Path) -> None:
    (folder / "staff" / "signing.key").write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    with pytest.raises(SecretsError, match=r"staff/signing\.key"):
        SecretsDir(folder).signing_key("staff")
