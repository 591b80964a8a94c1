"""A certificate authority for one test run, made with the ``openssl`` command: it signs for one name."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Files in PEM form.

    Args:
        ca: The authority's certificate: what a client has to trust.
        certificate: A server's certificate, signed by the authority.
        key: The server's key.
    """

    ca: Path
    certificate: Path
    key: Path


def make_authority(folder: Path, name: str) -> Authority:
    """Make an authority, and a certificate for the server *name*."""
    made = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key, request, names = folder / "ca.key", folder / "server.csr", folder / "names"
    names.write_text(f"subjectAltName=DNS:{name}\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        "req",
        "-x509",
        *new_key,
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-keyout",
        ca_key,
        "-out",
        made.ca,
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    _openssl("req", "-new", *new_key, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        made.ca,
        "-CAkey",
        ca_key,
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        names,
        "-out",
        made.certificate,
    )
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
