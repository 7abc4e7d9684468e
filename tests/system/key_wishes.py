# SPDX-License-Identifier: Apache-2.0
"""Requests for keys made by the CA that come encrypted to a key of the device (RFC 7030, section
4.4.1.2), and what comes back, opened with openssl."""

import re
import subprocess

from harness import CA1, check, equal


def tool(*arguments, data=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, input=data)
    equal(done.returncode, 0, f"{arguments}: {done.stdout}{done.stderr}")
    return done


def manufacturer(world, client):
    """A factory certificate without limits on the key's use, of a maker who is not in the story."""
    maker, root = client.key("maker"), client.dir / "maker.pem"
    tool("openssl", "req", "-new", "-x509", "-key", maker, "-subj", "/CN=maker", "-out", root)
    key, request = client.key("factory"), client.dir / "factory.csr"
    certificate, config = client.dir / "factory.pem", client.dir / "factory.cnf"
    config.write_text("subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={client.name}", "-out", request)
    tool("openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", maker, "-extfile",
         config, "-days", "1000", "-out", certificate)
    client.factory = (certificate, key)
    return certificate


def key_id(certificate):
    text = tool("openssl", "x509", "-in", certificate, "-noout", "-ext",
                "subjectKeyIdentifier").stdout.decode()
    return re.search(r"((?:[0-9A-F]{2}:){19}[0-9A-F]{2})", text)[1].replace(":", "")


SMIME = "1.2.840.113549.1.9.15"
ASYMMETRIC, SYMMETRIC = "1.2.840.113549.1.9.16.2.54", "1.2.840.113549.1.9.16.2.37"
AES128_WRAP, AES256_WRAP, DES3_WRAP = ("2.16.840.1.101.3.4.1.5", "2.16.840.1.101.3.4.1.45",
                                       "1.2.840.113549.1.9.16.3.6")


def oid_hex(oid):
    numbers = [int(n) for n in oid.split(".")]
    out = [numbers[0] * 40 + numbers[1]]
    for number in numbers[2:]:
        digits = [number & 127]
        while number := number >> 7:
            digits.append(number & 127 | 128)
        out += reversed(digits)
    return f"06{len(out):02x}{bytes(out).hex()}"


def wishes(identifier, algorithm, kind=ASYMMETRIC):
    """Attributes of a request that wants its key encrypted; openssl req cannot write them."""
    def element(tag, content):
        return f"{tag:02x}{len(content) // 2:02x}{content}"

    def attribute(oid, value):
        return element(0x30, oid_hex(oid) + element(0x31, value))

    return bytes.fromhex(attribute(kind, element(0x04, identifier))
                         + attribute(SMIME, element(0x30, element(0x30, oid_hex(algorithm)))))


def with_attributes(request, attributes):
    """The request with these attributes; its signature is broken, which must not matter here."""
    def content(der):
        extra = der[1] & 127 if der[1] & 128 else 0
        return der[2 + extra:]

    def element(tag, content):
        length = len(content)
        head = [length] if length < 128 else [0x81, length] if length < 256 else [
            0x82, length >> 8, length & 255]
        return bytes([tag, *head]) + content

    inner = content(request)
    extra = inner[1] & 127 if inner[1] & 128 else 0
    length = int.from_bytes(inner[2:2 + extra], "big") if extra else inner[1]
    info, rest = inner[2 + extra:2 + extra + length], inner[2 + extra + length:]
    check(info.endswith(b"\xa0\x00"), "the request has attributes")
    return element(0x30, element(0x30, info[:-2] + element(0xa0, attributes)) + rest)


def opened(world, client, sealed, cipher):
    """The private key (PKCS #8) in what the CA encrypted to the factory key and signed."""
    envelope, signed = client.dir / "sealed.der", client.dir / "signed.der"
    envelope.write_bytes(sealed)
    text = tool("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", envelope).stdout
    check(cipher in text and b"dhSinglePass-stdDH-sha256kdf" in text, text)
    tool("openssl", "cms", "-decrypt", "-inform", "DER", "-in", envelope, "-inkey",
         client.factory[1], "-recip", client.factory[0], "-out", signed)
    check(b"no key" not in signed.read_bytes(), "decrypted")
    package = tool("openssl", "cms", "-verify", "-inform", "DER", "-in", signed, "-CAfile",
                   world.path(CA1) / "ca.pem", "-purpose", "any").stdout
    equal(package[0], 0x30, "SEQUENCE OF OneAsymmetricKey")
    return package[2 + (package[1] & 127 if package[1] & 128 else 0):]
