"""Certificate authorities and server certificates for tests, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_CA = """\
[ca]
default_ca = here
[here]
database = {home}/index
new_certs_dir = {home}
serial = {home}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
organizationName = optional
commonName = optional
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as files in PEM."""

    file: Path
    key: Path

    @property
    def pin(self) -> str:
        """SHA-256 of its public key in base64, as openssl has it."""
        public = _openssl("x509", "-in", str(self.file), "-noout", "-pubkey")
        der = _openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
        digest = _openssl("dgst", "-sha256", "-binary", stdin=der)
        return _openssl("base64", "-A", stdin=digest).decode()


class Authority:
    """Signs certificates, all in one directory of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self._home = home
        self.file = home / "ca.pem"
        self._key = home / "ca.key"
        self._made = 0
        (home / "index").write_text("")
        (home / "serial").write_text("01\n")
        (home / "ca.conf").write_text(_CA.format(home=home))
        _openssl("req", "-x509", *_KEY, "-keyout", str(self._key), "-out", str(self.file), "-days", "2",
                 "-subj", f"/CN=Authority {home.name}")  # fmt: skip

    def sign(self, *names: str, expired: bool = False, subject: str = "/CN=server") -> Certificate:
        """A certificate for ``names``, as ``DNS:dns.example.org`` and ``IP:127.0.0.1``."""
        self._made += 1
        key, request, file = (self._home / f"{self._made}.{kind}" for kind in ("key", "csr", "pem"))
        _openssl("req", "-new", *_KEY, "-keyout", str(key), "-out", str(request), "-subj", subject,
                 "-addext", f"subjectAltName={','.join(names)}")  # fmt: skip
        times = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z") if expired else ("-days", "2")
        _openssl("ca", "-batch", "-notext", "-config", str(self._home / "ca.conf"), "-cert", str(self.file),
                 "-keyfile", str(self._key), "-in", str(request), "-out", str(file), *times)  # fmt: skip
        return Certificate(file, key)


def _openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
