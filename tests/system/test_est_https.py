# SPDX-License-Identifier: Apache-2.0
"""EST over HTTPS (RFC 7030) with clients that are not ours: curl speaks, openssl makes requests and
looks at what comes back, certtool verifies. Then what a CA must not take."""

import email
import json
import re
import subprocess
import time

import harness
import partner
from harness import CA1, PCA, SP1, World, check, equal, say
from key_wishes import AES256_WRAP, key_id, manufacturer, opened, with_attributes
from key_wishes import wishes as key_wishes

EST = "/.well-known/est"


def tool(*arguments, code=0, data=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, input=data)
    check(code is None or done.returncode == code,
          f"{arguments}: {done.returncode}, {done.stdout}{done.stderr}")
    return done


class Client:
    """A device as curl and openssl see one: keys and certificates in PEM files."""

    def __init__(self, world, name):
        self.world, self.name, self.dir = world, name, world.dir / f"client-{name}"
        self.dir.mkdir()
        self.factory = None  # (certificate, key)

    def key(self, name, curve="P-256"):
        path = self.dir / f"{name}.key"
        tool("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
             "-out", path)
        return path

    def request(self, key, subject=None, options=()):
        """PKCS #10 in base64, as curl posts it."""
        path = self.dir / "request"
        tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={subject or self.name}",
             "-outform", "DER", "-out", path, *options)
        text = self.dir / "request.b64"
        text.write_bytes(tool("openssl", "base64", "-in", path).stdout)
        return text

    def make_factory(self):
        key = self.key("factory")
        request, certificate = self.dir / "factory.csr", self.dir / "factory.pem"
        tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={self.name}", "-out", request)
        self.world.run("ca", "issue", "--dir", self.world.path(PCA), "--profile", "factory", "--in",
                       request, "--out", certificate)
        self.factory = (certificate, key)
        return certificate

    def curl(self, path, data=None, by=None, tls=None, kind="application/pkcs10", more=()):
        """(HTTP status or 0 when TLS failed, headers, body)."""
        words = ["curl", "-sS", "-i", "--cacert", self.world.path(CA1) / "ca.pem", *more]
        if by:
            words += ["--cert", by[0], "--key", by[1]]
        if data:
            words += ["-H", f"Content-Type: {kind}", "--data-binary", f"@{data}"]
        if tls:
            words += [f"--tlsv{tls}", "--tls-max", tls]
        done = tool(*words, f"https://{self.world.est}{path}", code=None)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1.1 (\d+)", head)
        return int(match[1]) if match else 0, head.decode().lower(), body

    def enrol(self, path, request, by, tls=None):
        """The certificate that comes back, PEM."""
        status, head, body = self.curl(path, request, by, tls)
        equal(status, 200, f"{path}: {head}{body}")
        check("content-type: application/pkcs7-mime; smime-type=certs-only" in head, head)
        check("content-transfer-encoding: base64" in head, head)
        return self.certificates(body)

    def certificates(self, body):
        der = tool("openssl", "base64", "-d", data=body).stdout
        return tool("openssl", "pkcs7", "-inform", "DER", "-print_certs", data=der).stdout


def x5bag(certificates):
    """RFC 9360: one certificate stands alone, several are an array."""
    items = [bytes([0x59]) + len(der).to_bytes(2, "big") + der for der in certificates]
    return items[0] if len(items) == 1 else bytes([0x80 + len(items)]) + b"".join(items)


def register(world, *certificates):
    """SP1 vouches for the devices at CA1; answers the token of the enrolment URI."""
    ders = [tool("openssl", "x509", "-in", c, "-outform", "DER").stdout for c in certificates]
    status, _, answer = partner.ask(world, CA1, SP1, "POST", "/v1/registrations", x5bag(ders),
                                    "application/cbor")
    equal(status, 200, f"registration: {answer}")
    return json.loads(answer)["enroll_uri"].rsplit("/", 1)[1]


def verified(world, certificate, path):
    """By OpenSSL's strict check and by GnuTLS."""
    path.write_bytes(certificate)
    tool("openssl", "verify", "-x509_strict", "-CAfile", world.path(CA1) / "ca.pem", path)
    done = tool("certtool", "--verify", "--load-ca-certificate", world.path(CA1) / "ca.pem",
                "--infile", path)
    check(b"The certificate is trusted" in done.stdout, done.stdout)
    return path


def enrolment(world, client, token):
    say("cacerts without a certificate; enrolment, re-enrolment, by TLS 1.2 and 1.3")
    status, head, body = client.curl(f"{EST}/cacerts")
    equal(status, 200, head)
    check("content-type: application/pkcs7-mime" in head, head)
    own = tool("openssl", "x509", "-in", world.path(CA1) / "ca.pem", "-outform", "DER").stdout
    got = tool("openssl", "x509", "-outform", "DER", data=client.certificates(body)).stdout
    equal(got, own, "the CA's certificate")

    first = client.key("first")
    request = client.request(first)
    certificate = client.enrol(f"{EST}/{token}/simpleenroll", request, client.factory, "1.2")
    operational = verified(world, certificate, client.dir / "first.pem")
    again = client.enrol(f"{EST}/{token}/simpleenroll", client.request(first), client.factory, "1.3")
    equal(again, certificate, "the same key once more: the same certificate")

    second = client.key("second")
    renewed = client.enrol(f"{EST}/simplereenroll", client.request(second), (operational, first),
                           "1.3")
    verified(world, renewed, client.dir / "second.pem")
    live = {c["serial"] for c in world.certificates(CA1, status="live")
            if c["subject"] == client.name}
    check(len(live) == 2, "until the new certificate shows up the old one stays")
    third = client.key("third")
    client.enrol(f"{EST}/simplereenroll", client.request(third),
                 (client.dir / "second.pem", second))
    live = {c["serial"] for c in world.certificates(CA1, status="live")
            if c["subject"] == client.name}
    check(len(live) == 2, f"the first one has ended: {live}")
    status, _, _ = client.curl(f"{EST}/cacerts", by=(operational, first))
    equal(status, 0, "a handshake with the ended certificate")


def refusals(world, client, token):
    say("what a CA does not take")
    other = Client(world, "est-other")
    other.make_factory()  # never registered
    key = client.key("fresh")
    before = len(world.certificates(CA1))

    def refused(what, status, path="simpleenroll", request=None, by=client.factory, **more):
        request = request or client.request(key)
        got, head, body = client.curl(f"{EST}/{token}/{path}", request, by, **more)
        equal(got, status, f"{what}: {body}")
        if got:
            check("content-type: text/plain" in head and body.strip(), f"{what}: {head}{body}")
            check(b"<html" not in body.lower(), f"{what}: {body}")
        equal(len(world.certificates(CA1)), before, f"certificates after: {what}")

    refused("no certificate", 403, by=None)
    refused("a device nobody registered", 0, by=other.factory)
    refused("another key while one is live", 403)
    refused("re-enrolment with the factory certificate", 403, "simplereenroll")
    refused("an unknown token", 404, "../unknown00/simpleenroll", more=("--path-as-is",))
    refused("an unknown operation", 404, "fullcmc")
    refused("another subject", 403, request=client.request(key, "somebody"))
    refused("another media type", 400, kind="application/octet-stream")
    refused("RSA", 403, request=client.request(rsa_key(client)))
    refused("a curve nobody takes", 403, request=client.request(client.key("k1", "secp256k1")))
    refused("the factory key once more", 403, request=client.request(client.factory[1]))

    garbage = client.dir / "garbage"
    good = client.request(key).read_bytes()
    der = bytearray(tool("openssl", "base64", "-d", data=good).stdout)
    der[-1] ^= 1  # of the signature
    cases = {"no body": b"", "no base64": b"\x00\xff" * 50, "a cut": good[: len(good) // 2],
             "no request": tool("openssl", "base64", data=b"0\x03\x02\x01\x00").stdout,
             "no proof of possession": tool("openssl", "base64", data=bytes(der)).stdout}
    for what, content in cases.items():
        garbage.write_bytes(content or b"\n")
        refused(what, 400, request=garbage)
    garbage.write_bytes(b"A" * 200000)
    got, _, _ = client.curl(f"{EST}/{token}/simpleenroll", garbage, client.factory)
    check(got in (0, 413), f"an endless body is answered {got}")
    equal(client.curl(f"{EST}/simpleenroll")[0], 405, "GET simpleenroll")
    status, _, _ = client.curl(f"{EST}/cacerts", tls="1.1", more=("--ciphers", "ALL:@SECLEVEL=0"))
    equal(status, 0, "TLS 1.1")


def wishes(world, token):
    say("extensions: what the profile gives may be asked for, anything else is refused and named")
    client = Client(world, "est-wishes")
    register(world, client.make_factory())
    key = client.key("first")
    before = len(world.certificates(CA1))
    for wish, name in (("basicConstraints=critical,CA:TRUE", "basicConstraints (2.5.29.19)"),
                       ("keyUsage=keyCertSign,cRLSign", "keyUsage (2.5.29.15)"),
                       ("subjectAltName=DNS:bank.example", "subjectAltName (2.5.29.17)"),
                       ("subjectAltName=DNS:est-wishes", "subjectAltName (2.5.29.17)"),
                       ("extendedKeyUsage=serverAuth", "extKeyUsage (2.5.29.37)"),
                       ("1.2.840.113556.4711=critical,DER:0500", "1.2.840.113556.4711"),
                       ("1.2.840.113556.4712=DER:0500", "1.2.840.113556.4712")):
        status, _, body = client.curl(f"{EST}/{token}/simpleenroll",
                                      client.request(key, options=("-addext", wish)),
                                      client.factory)
        equal(status, 403, f"{wish}: {body}")
        check(b"extension" in body, f"{wish}: {body}")
        log = (world.logs / "CA1.log").read_text()
        equal(log.count(f"profile device does not give the {name} asked for"),
              2 if wish.endswith("est-wishes") else 1, f"lines of {wish}")
    equal(len(world.certificates(CA1)), before, "certificates")
    client.enrol(f"{EST}/{token}/simpleenroll", client.request(key, options=(
        "-addext", "keyUsage=critical,digitalSignature", "-addext", "basicConstraints=CA:FALSE",
        "-addext", "subjectKeyIdentifier=hash")), client.factory)


def dated(world, name, begins, ends):
    """A factory certificate that signs itself; times in seconds from now."""
    client = Client(world, name)
    key, pem = client.key("factory"), client.dir / "factory.pem"
    config = client.dir / "ca.cnf"
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={client.dir}/index\nnew_certs_dir="
                      f"{client.dir}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\n"
                      "commonName=supplied\n[e]\nbasicConstraints=CA:FALSE\n")
    (client.dir / "index").write_text("")
    tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", client.dir / "csr")
    times = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + at)) for at in (begins, ends)]
    tool("openssl", "ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile", key,
         "-in", client.dir / "csr", "-out", pem, "-extensions", "e", "-startdate", times[0],
         "-enddate", times[1])
    client.factory = (pem, key)
    return client


def dates(world):
    say("factory certificates out of their time")
    over = dated(world, "est-over", -7200, -3600)
    der = tool("openssl", "x509", "-in", over.factory[0], "-outform", "DER").stdout
    status, _, answer = partner.ask(world, CA1, SP1, "POST", "/v1/registrations", x5bag([der]),
                                    "application/cbor")
    equal(status, 403, f"one that is over: {answer}")
    check("CEDE_CERTIFICATE_EXPIRED" in str(answer), answer)
    ahead = dated(world, "est-ahead", 86400, 864000)
    token = register(world, ahead.factory[0])
    status, _, body = ahead.curl(f"{EST}/{token}/simpleenroll", ahead.request(ahead.key("first")),
                                 ahead.factory)
    equal(status, 0, f"a handshake with one that is not valid yet: {body}")
    log = (world.logs / "CA1.log").read_text()
    check("'est-ahead': a certificate is not yet valid" in log, log)
    now = dated(world, "est-now", -3600, 3600)
    token = register(world, now.factory[0])
    now.enrol(f"{EST}/{token}/simpleenroll", now.request(now.key("first")), now.factory)


def made_keys(world, token):
    say("attributes a request should have; keys made by the CA")
    client = Client(world, "est-weak")
    register(world, client.make_factory())
    status, head, body = client.curl(f"{EST}/csrattrs")
    equal(status, 200, head)
    check("content-type: application/csrattrs" in head, head)
    attributes = tool("openssl", "base64", "-d", data=body).stdout
    shown = tool("openssl", "asn1parse", "-inform", "DER", data=attributes).stdout
    check(b"SEQUENCE" in shown and b"id-ecPublicKey" in shown, shown)

    def generate():
        return client.curl(f"{EST}/{token}/serverkeygen", client.request(client.key("unused")),
                           client.factory)

    status, head, body = generate()
    equal(status, 200, f"{head}{body}")
    parts = parts_of(head, body)
    equal([p.get_content_type() for p in parts], ["application/pkcs8", "application/pkcs7-mime"],
          "the parts")
    key, certificate = client.dir / "made.key", client.dir / "made.pem"
    tool("openssl", "pkey", "-inform", "DER", "-out", key, data=parts[0].get_payload(decode=True))
    certificate.write_bytes(tool("openssl", "pkcs7", "-inform", "DER", "-print_certs",
                                 data=parts[1].get_payload(decode=True)).stdout)
    verified(world, certificate.read_bytes(), certificate)
    equal(tool("openssl", "pkey", "-in", key, "-pubout").stdout,
          tool("openssl", "x509", "-in", certificate, "-noout", "-pubkey").stdout, "the key")
    check(client.curl(f"{EST}/cacerts", by=(certificate, key))[0] == 200, "the made key opens TLS")
    secret = scalar_of(key)
    for path in world.path(CA1).rglob("*"):
        check(not path.is_file() or secret not in path.read_bytes(), f"{path} has the key")
    check(secret.hex() not in world.servers[CA1].text(), "the log has the key")


def parts_of(head, body):
    kind = re.search(r"content-type: (multipart/mixed; boundary=\S+)", head)[1]
    return email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()


def sealed_keys(world):
    say("keys made by the CA, encrypted to a key of the device")
    client = Client(world, "est-sealed")
    token = register(world, manufacturer(world, client))
    plain = tool("openssl", "base64", "-d", data=client.request(client.key("unused")).read_bytes())
    request = client.dir / "sealed.b64"

    def generate(identifier):
        der = with_attributes(plain.stdout, key_wishes(identifier, AES256_WRAP))
        request.write_bytes(tool("openssl", "base64", data=der).stdout)
        return client.curl(f"{EST}/{token}/serverkeygen", request, client.factory)

    equal(generate("00" * 20)[0], 403, "for a key that nobody knows")
    status, head, body = generate(key_id(client.factory[0]))
    equal(status, 200, f"{head}{body}")
    key, certificate = parts_of(head, body)
    equal((key["content-type"], key["content-transfer-encoding"]),
          ("application/pkcs7-mime; smime-type=server-generated-key", "base64"), "the key's part")
    private = opened(world, client, key.get_payload(decode=True), b"aes-256-cbc")
    chain = tool("openssl", "pkcs7", "-inform", "DER", "-print_certs",
                 data=certificate.get_payload(decode=True)).stdout
    equal(tool("openssl", "pkey", "-inform", "DER", "-pubout", data=private).stdout,
          tool("openssl", "x509", "-noout", "-pubkey", data=chain).stdout, "the key")


def scalar_of(key):
    text = tool("openssl", "pkey", "-in", key, "-noout", "-text").stdout.decode()
    number = re.search(r"priv:\s*((?:[0-9a-f]{2}[:\s]*)+)pub:", text)[1]
    return bytes.fromhex(re.sub(r"[:\s]", "", number)).lstrip(b"\0")


def rsa_key(client):
    path = client.dir / "rsa.key"
    tool("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", path)
    return path


def revoked(world, client):
    say("a revoked factory certificate opens no door (R6)")
    client_key = client.factory
    world.run("ca", "revoke", "--dir", world.path(CA1), "--device", client.name)
    status, _, _ = client.curl(f"{EST}/cacerts", by=(client.dir / "second.pem",
                                                     client.dir / "second.key"))
    equal(status, 0, "a handshake with a revoked certificate")
    check(client.curl(f"{EST}/cacerts", by=client_key)[0] == 200,
          "the factory certificate is not CA1's to revoke")


def test(options):
    with World(options.cede) as world:
        world.est = f"127.0.0.1:{harness.free_port()}"
        world.serve_options[CA1] = ["--est", world.est]
        world.init()
        for actor in (PCA, CA1):
            world.start(actor)
        client = Client(world, "est-client")
        token = register(world, client.make_factory())
        enrolment(world, client, token)
        refusals(world, client, token)
        wishes(world, token)
        dates(world)
        made_keys(world, token)
        sealed_keys(world)
        revoked(world, client)


harness.main(test)
