"""Who a node is: its Ed25519 key, and the TLS certificate that the key vouches for."""

from __future__ import annotations

import base64
import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

NODE_EXTENSION = x509.ObjectIdentifier(
    "1.2.840.113556.1.8000.2554.27677.36690.16139.19310.40279.5416160.13219793"
)
CERTIFICATE_CONTEXT = "causeway/certificate/1"
CERTIFICATE_LIMIT = 1024

_PRIME = 2**255 - 19
# The y coordinates of the eight points of small order: on each, doubling it three times gives (0, 1).
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8}


class BadRecord(ValueError):
    """Something signed that does not hold."""


def to_text(node_id: bytes) -> str:
    """A node id as people and TLS server names write it."""
    return base64.b32encode(node_id).decode().rstrip("=").lower()


def from_text(text: str) -> bytes:
    """The node id behind a text; ValueError if it is none."""
    if len(text) != 52:
        raise ValueError(f"a node id has 52 characters, not {len(text)}")
    node_id = base64.b32decode(text.upper() + "====")
    if to_text(node_id) != text.lower():
        raise ValueError("not a node id")
    return node_id


def verify(node_id: bytes, context: str, body: bytes, signature: bytes) -> None:
    """Strict verification: OpenSSL compares the nonce as bytes and bounds the scalar; the rest is checked here."""
    if len(node_id) != 32 or len(signature) != 64:
        raise BadRecord("a key has 32 bytes and a signature 64")
    for point in (node_id, signature[:32]):
        y = int.from_bytes(point, "little") & (2**255 - 1)
        if y >= _PRIME or y in _SMALL_ORDER:
            raise BadRecord("a point of small order, or not in its canonical encoding")
    try:
        Ed25519PublicKey.from_public_bytes(node_id).verify(signature, context.encode() + b"\0" + body)
    except InvalidSignature:
        raise BadRecord("the signature does not hold") from None


def certificate_node(der: bytes) -> bytes:
    """The node that a certificate belongs to; BadRecord unless its extension is there once and its signature holds."""
    if len(der) > CERTIFICATE_LIMIT:
        raise BadRecord("the certificate is too large")
    try:
        certificate = x509.load_der_x509_certificate(der)
        extension = certificate.extensions.get_extension_for_oid(NODE_EXTENSION)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, x509.DuplicateExtension, x509.ExtensionNotFound) as error:
        raise BadRecord(f"the certificate cannot be used: {error}") from None
    value = extension.value.public_bytes()
    if len(value) != 96:
        raise BadRecord("the node extension is not of the form that the protocol names")
    verify(value[:32], CERTIFICATE_CONTEXT, key, value[32:])
    return value[:32]


def pem(der: bytes) -> bytes:
    """A certificate as gRPC wants it."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def make_certificate(node_id: bytes, key: ec.EllipticCurvePrivateKey, signature: bytes) -> bytes:
    """A self-signed certificate (DER) with the node extension. Dates and names in it mean nothing to anybody."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, to_text(node_id))])
    builder = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(4000, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(to_text(node_id))]), critical=False)
        .add_extension(x509.UnrecognizedExtension(NODE_EXTENSION, node_id + signature), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Identity:
    """A node's keys and certificate."""

    key: Ed25519PrivateKey
    tls_key: ec.EllipticCurvePrivateKey
    certificate: bytes

    @classmethod
    def make(cls) -> Identity:
        """A new one."""
        key, tls_key = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
        spki = tls_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        signature = key.sign(CERTIFICATE_CONTEXT.encode() + b"\0" + spki)
        return cls(key, tls_key, make_certificate(key.public_key().public_bytes_raw(), tls_key, signature))

    @classmethod
    def load_or_make(cls, folder: Path) -> Identity:
        """The identity kept in a folder, made if there is none yet."""
        path = folder / "identity.pem"
        if not path.exists():
            cls.make()._store(path)
        parts = path.read_bytes().split(b"-----BEGIN ")
        key, tls_key, certificate = (b"-----BEGIN " + part for part in parts[1:4])
        return cls(
            load_pem_private_key(key, None),
            load_pem_private_key(tls_key, None),
            x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER),
        )

    def _store(self, path: Path) -> None:
        # One file, so that there is never half an identity; renamed, so that it is there whole or not at all.
        unfinished = path.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_private_pem(self.key) + self.tls_key_pem + pem(self.certificate))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)

    @property
    def node_id(self) -> bytes:
        """The public key."""
        return self.key.public_key().public_bytes_raw()

    @property
    def tls_key_pem(self) -> bytes:
        """The TLS key as gRPC wants it."""
        return _private_pem(self.tls_key)

    def sign(self, context: str, body: bytes) -> bytes:
        """A signature as the protocol defines it."""
        return self.key.sign(context.encode() + b"\0" + body)


def _private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
