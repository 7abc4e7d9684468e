# SPDX-License-Identifier: Apache-2.0
"""EST-coaps (RFC 9148) with clients that are not ours: libcoap's coap-client speaks, openssl makes
requests and looks at what comes back. Then what a CA must not take, and what strangers get."""

import json
import re
import socket
import subprocess
import threading

import harness
import partner
from harness import CA1, PCA, SP1, World, check, equal, say
from key_wishes import AES128_WRAP, AES256_WRAP, DES3_WRAP, SYMMETRIC, manufacturer, opened
from key_wishes import key_id, wishes, with_attributes

EST = "/.well-known/est"
COAP_CLIENT = "coap-client-openssl"
PKCS10, PKIX_CERT, CERTS_ONLY, CSRATTRS, MULTIPART = 286, 287, 281, 285, 62
PKCS8, ENVELOPED = 284, 280


def tool(*arguments, code=0, data=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, input=data)
    check(code is None or done.returncode == code,
          f"{arguments}: {done.returncode}, {done.stdout}{done.stderr}")
    return done


class Client:
    """A device as coap-client and openssl see one: keys and certificates in PEM files."""

    def __init__(self, world, name):
        self.world, self.name, self.dir = world, name, world.dir / f"client-{name}"
        self.dir.mkdir()
        self.factory = None  # (certificate, key)
        self.root = world.path(CA1) / "ca.pem"  # the device's anchor
        self.log = ""

    def key(self, name, curve="P-256"):
        path = self.dir / f"{name}.key"
        tool("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
             "-out", path)
        return path

    def request(self, key, subject=None, attributes=""):
        """PKCS #10, DER. `attributes` as in openssl's configuration."""
        config, path = self.dir / "request.cnf", self.dir / "request.der"
        config.write_text("[req]\ndistinguished_name=name\nprompt=no\n"
                          + ("attributes=more\n" if attributes else "")
                          + f"[name]\nCN={subject or self.name}\n[more]\n{attributes}\n")
        tool("openssl", "req", "-new", "-key", key, "-config", config, "-outform", "DER", "-out",
             path)
        return path.read_bytes()

    def make_factory(self):
        key = self.key("factory")
        request, certificate = self.dir / "factory.csr", self.dir / "factory.pem"
        tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={self.name}", "-out", request)
        self.world.run("ca", "issue", "--dir", self.world.path(PCA), "--profile", "factory", "--in",
                       request, "--out", certificate)
        self.factory = (certificate, key)
        return certificate

    def ask(self, path, body=None, by=None, accept=None, kind=PKCS10, method=None, more=(),
            patience=20):
        """(code such as "2.04", or None when there was no answer; content format; body)."""
        certificate, key = by or self.factory
        out = self.dir / "answer"
        out.unlink(missing_ok=True)
        words = [COAP_CLIENT, "-v", "6", "-B", patience, "-c", certificate, "-j", key, "-R",
                 self.root, "-o", out,
                 "-m", method or ("get" if body is None else "post"), *more]
        if body is not None:
            (self.dir / "body").write_bytes(body)
            words += ["-f", self.dir / "body", "-t", kind]
        if accept is not None:
            words += ["-A", accept]
        done = tool(*words, f"coaps://{self.world.coaps}{path}", code=None)
        self.log = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        answers = [l for l in self.log.splitlines() if re.search(r"t:ACK c:[245]\.\d\d", l)]
        if not answers:
            return None, None, b""
        code = re.search(r"c:(\d\.\d\d)", answers[-1])[1]
        kind = re.search(r"Content-Format:([^,\] ]+)", answers[-1])
        return code, kind and kind[1], out.read_bytes() if out.exists() else b""

    def enrol(self, path, request, by=None, **more):
        """The certificate that comes back, PEM."""
        code, kind, body = self.ask(path, request, by, **more)
        equal(code, "2.04", f"{path}: {self.log}")
        equal(kind, str(more.get("accept", CERTS_ONLY)), f"format of {path}")
        return one_certificate(body)


def one_certificate(body):
    """PEM of a certificate, bare or alone in a certs-only message."""
    if tool("openssl", "x509", "-inform", "DER", "-noout", code=None, data=body).returncode == 0:
        return tool("openssl", "x509", "-inform", "DER", data=body).stdout
    text = tool("openssl", "pkcs7", "-inform", "DER", "-print_certs", data=body).stdout
    equal(text.count(b"BEGIN CERTIFICATE"), 1, "certificates in the message")
    return tool("openssl", "x509", data=text).stdout


def register(world, *certificates):
    """SP1 vouches for the devices at CA1; answers the path of the enrolment URI."""
    ders = [tool("openssl", "x509", "-in", c, "-outform", "DER").stdout for c in certificates]
    items = [b"\x59" + len(der).to_bytes(2, "big") + der for der in ders]
    bag = items[0] if len(items) == 1 else bytes([0x80 + len(items)]) + b"".join(items)
    status, _, answer = partner.ask(world, CA1, SP1, "POST", "/v1/registrations", bag,
                                    "application/cbor")
    equal(status, 200, f"registration: {answer}")
    uri = json.loads(answer)["enroll_uri_coaps"]
    check(uri.startswith(f"coaps://{world.coaps}/e/"), uri)
    return uri[len(f"coaps://{world.coaps}"):]


def verified(world, certificate, path):
    path.write_bytes(certificate)
    tool("openssl", "verify", "-x509_strict", "-CAfile", world.path(CA1) / "ca.pem", path)
    return path


def live(world, client):
    return [c["serial"] for c in world.certificates(CA1, status="live")
            if c["subject"] == client.name]


# --- what works ----------------------------------------------------------------------------------


def enrolment(world, client, uri):
    say("discovery, anchors, wishes; enrolment, re-enrolment; bodies in blocks")
    code, kind, body = client.ask("/.well-known/core")
    equal((code, kind), ("2.05", "application/link-format"), client.log)
    for name in ("sen", "sren", "crts", "att", "skg", "skc"):
        check(f'</est/{name}>;rt="ace.est.{name}"'.encode() in body, f"{name} in {body}")
    check(b"osc" not in body, f"{body}")
    own = tool("openssl", "x509", "-in", world.path(CA1) / "ca.pem").stdout
    for accept, more in ((CERTS_ONLY, ()), (PKIX_CERT, ()), (None, ("-b", "64"))):
        code, kind, body = client.ask(f"{EST}/crts", accept=accept, more=more)
        equal((code, kind), ("2.05", str(accept or CERTS_ONLY)), client.log)
        equal(one_certificate(body), own, "the CA's certificate")
    code, kind, body = client.ask(f"{EST}/att")
    equal((code, kind), ("2.05", str(CSRATTRS)), client.log)
    check(b"prime256v1" in tool("openssl", "asn1parse", "-inform", "DER", data=body).stdout, body)

    first = client.key("first")
    request = client.request(first)
    certificate = client.enrol(f"{uri}/sen", request, accept=PKIX_CERT)
    operational = verified(world, certificate, client.dir / "first.pem")
    for more in ((), ("-b", "64"), ("-b", "16")):
        equal(client.enrol(f"{uri}/sen", request, more=more), certificate,
              "the same key once more: the same certificate")
    equal(client.enrol(f"{EST}/sen", client.request(first)), certificate, "well-known path")
    second = client.key("second")
    by = (operational, first)
    renewed = client.enrol(f"{uri}/sren", client.request(second), by, accept=PKIX_CERT)
    verified(world, renewed, client.dir / "second.pem")
    equal(len(live(world, client)), 2, "until the new certificate shows up the old one stays")
    by = (client.dir / "second.pem", second)
    client.enrol(f"{EST}/sren", client.request(client.key("third")), by)
    equal(len(live(world, client)), 2, "certificates once the second showed up")
    equal(client.ask(f"{EST}/crts", by=(operational, first))[0], None, "the first one has ended")


def multipart(body):
    """[284, key, 281, certificate]: the two parts by format."""
    def head(at):
        value = body[at] & 31
        extra = {24: 1, 25: 2}.get(value, 0)
        number = int.from_bytes(body[at + 1:at + 1 + extra], "big") if extra else value
        return body[at] >> 5, number, at + 1 + extra

    major, count, at = head(0)
    equal((major, count), (4, 4), "items of multipart-core")
    parts = {}
    for _ in range(2):
        major, kind, at = head(at)
        equal(major, 0, "major type of a content format")
        major, length, at = head(at)
        equal(major, 2, "major type of a representation")
        parts[kind] = body[at:at + length]
        at += length
    equal(at, len(body), "bytes of multipart-core")
    return parts


def fits(client, key, certificate):
    """Is this PKCS #8 the private key of the certificate?"""
    public = tool("openssl", "pkey", "-inform", "DER", "-pubout", data=key).stdout
    equal(tool("openssl", "x509", "-pubkey", "-noout", data=certificate).stdout, public,
          f"public key of {client.name}")


def never_kept(world, key):
    """The private key's octets are in no file of the CA."""
    text = tool("openssl", "pkey", "-inform", "DER", "-text", "-noout", data=key).stdout.decode()
    scalar = bytes.fromhex("".join(re.search(r"priv:\n((?: +[0-9a-f:]+\n)+)", text)[1].split())
                           .replace(":", ""))[-32:]
    for folder in (world.path(CA1), world.logs):
        for path in folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                check(scalar not in content and scalar.hex().encode() not in content.lower(),
                      f"the private key is in {path}")


def keys_made_there(world, client, uri):
    say("keys made by the server: plain, again after a lost answer, by an operational certificate")
    dummy = client.key("dummy")
    request = client.request(dummy)
    code, kind, body = client.ask(f"{uri}/skc", request)
    equal((code, kind), ("2.04", str(MULTIPART)), client.log)
    parts = multipart(body)
    equal(set(parts), {PKCS8, PKIX_CERT}, "parts of /skc")
    lost = one_certificate(parts[PKIX_CERT])
    fits(client, parts[PKCS8], lost)
    code, kind, body = client.ask(f"{uri}/skg", request, accept=MULTIPART)
    equal((code, kind), ("2.04", str(MULTIPART)), client.log)
    parts = multipart(body)
    equal(set(parts), {PKCS8, CERTS_ONLY}, "parts of /skg")
    certificate = one_certificate(parts[CERTS_ONLY])
    fits(client, parts[PKCS8], certificate)
    check(certificate != lost, "another key")
    equal(len(live(world, client)), 1, "the lost key's certificate has ended")
    never_kept(world, parts[PKCS8])
    (client.dir / "made.key").write_bytes(
        tool("openssl", "pkey", "-inform", "DER", data=parts[PKCS8]).stdout)
    by = (verified(world, certificate, client.dir / "made.pem"), client.dir / "made.key")
    code, _, body = client.ask(f"{EST}/skc", request, by)
    equal(code, "2.04", client.log)
    fits(client, multipart(body)[PKCS8], one_certificate(multipart(body)[PKIX_CERT]))
    equal(client.ask(f"{EST}/skc", request, by, accept=PKIX_CERT)[0], "4.06", "a single format")
    public = tool("openssl", "pkey", "-in", dummy, "-pubout").stdout
    for pem in (certificate, lost):
        check(tool("openssl", "x509", "-pubkey", "-noout", data=pem).stdout != public,
              "the request's own public key counts for nothing")


def encrypted_keys(world):
    say("keys made by the server, encrypted to a key of the device (RFC 7030, section 4.4.1.2)")
    client = Client(world, "coaps-sealed")
    uri = register(world, manufacturer(world, client))
    request = client.request(client.key("dummy"))
    identifier = key_id(client.factory[0])
    refusals = {
        "a key that nobody knows": wishes("00" * 20, AES128_WRAP),
        "a symmetric key": wishes(identifier, AES128_WRAP, SYMMETRIC),
        "an algorithm nobody takes": wishes(identifier, DES3_WRAP),
    }
    for what, attributes in refusals.items():
        code, _, body = client.ask(f"{uri}/skg", with_attributes(request, attributes))
        equal((code, body), ("4.03", b""), f"{what}: {client.log}")
        equal(live(world, client), [], f"certificates after: {what}")
    for algorithm, name in ((AES128_WRAP, b"aes-128-cbc"), (AES256_WRAP, b"aes-256-cbc")):
        asked = with_attributes(request, wishes(identifier, algorithm))
        code, _, body = client.ask(f"{uri}/skg", asked)
        equal(code, "2.04", client.log)
        parts = multipart(body)
        equal(set(parts), {ENVELOPED, CERTS_ONLY}, "parts of /skg")
        private = opened(world, client, parts[ENVELOPED], name)
        fits(client, private, one_certificate(parts[CERTS_ONLY]))


# --- what does not -------------------------------------------------------------------------------


def refusals(world, client, uri):
    say("what a CA does not take")
    other = Client(world, "coaps-other")
    other.make_factory()  # never registered
    key = client.key("fresh")
    before = len(world.certificates(CA1))

    def refused(what, code, path="sen", body=None, by=None, **more):
        body = client.request(key) if body is None else body
        got, _, _ = client.ask(f"{uri}/{path}", body, by, **more)
        equal(got, code, f"{what}: {client.log}")
        equal(len(world.certificates(CA1)), before, f"certificates after: {what}")

    refused("a device nobody registered", None, by=other.factory, patience=3)
    refused("another key while one is live", "4.03")
    refused("re-enrolment with the factory certificate", "4.03", "sren")
    refused("a token that is none", "4.04", "../unknown00/sen")
    refused("an operation that is none", "4.04", "fullcmc")
    refused("another subject", "4.03", body=client.request(key, "somebody"))
    refused("another subject, the key made there", "4.03", "skg",
            body=client.request(key, "somebody"))
    refused("a made key while a certificate of its own is live", "4.03", "skg")
    refused("another content format", "4.15", kind=60)
    refused("an answer nobody has", "4.06", accept=50)
    refused("RSA", "4.03", body=client.request(rsa_key(client)))
    refused("a curve nobody takes", "4.03", body=client.request(client.key("k1", "secp256k1")))
    refused("the factory key once more", "4.03", body=client.request(client.factory[1]))
    bank = client.dir / "bank.der"
    tool("openssl", "req", "-new", "-key", key, "-subj", f"/CN={client.name}", "-addext",
         "subjectAltName=DNS:bank.example", "-outform", "DER", "-out", bank)
    refused("a name nobody checked", "4.03", body=bank.read_bytes())
    request = client.request(key)
    for what, body in {"a cut": request[:-20], "more behind it": request + b"\0",
                       "noise": b"\x30\x82\x01\x00" + bytes(256),
                       "no proof of possession": request[:-1] + bytes([request[-1] ^ 1])}.items():
        for path in ("sen", "skg"):
            if path == "sen" or what != "no proof of possession":
                refused(what, "4.00", path, body=body)
    refused("an endless body", "4.13", body=bytes([0x30]) + bytes(40000))
    equal(client.ask(f"{uri}/sen")[0], "4.05", "GET sen")
    equal(client.ask(f"{EST}/crts", client.request(key))[0], "4.05", "POST crts")
    log = (world.logs / "CA1.log").read_text()
    for line in ("refused 'coaps-other'", "sen: another key asks while a certificate is live (4.03)",
                 "sen: the signature does not verify (4.00)",
                 "POST e/*/sen: the policy does not allow this subject. "
                 "the subject is not the device that asks (4.03)",
                 "sen: the request asks for an extension that it will not get. profile device does "
                 "not give the subjectAltName (2.5.29.17) asked for (4.03)",
                 "sen: the content format is not supported (4.15)",
                 "sen: the assembled body does not fit in the buffer (4.13)",
                 "GET e/*/sen: the resource has no such method (4.05)",
                 "POST e/*/*: there is no such resource (4.04)"):
        check(line in log, f"'{line}' is not in the log")
    check(uri.rsplit("/", 1)[1] not in log, "the token of the enrolment URI is in the log")


def rsa_key(client):
    path = client.dir / "rsa.key"
    tool("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", path)
    return path


def s_client(world, client, *options, certificate=True, address=None):
    """openssl s_client's handshake: its text, whether it went well."""
    words = ["openssl", "s_client", "-dtls1_2", "-connect", address or world.coaps, *options]
    if address is None:
        words += ["-CAfile", client.root, "-verify_return_error"]
    if certificate:
        words += ["-cert", client.factory[0], "-key", client.factory[1]]
    done = subprocess.run([str(w) for w in words], capture_output=True, input=b"", timeout=30)
    text = (done.stdout + done.stderr).decode(errors="replace")
    return text, "Cipher is ECDHE" in text and "alert" not in text.lower()


def handshakes(world, client):
    say("handshakes of openssl s_client")
    for suite in ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        text, good = s_client(world, client, "-cipher", f"{suite}:@SECLEVEL=0")
        check(good and f"Cipher is {suite}" in text and "Extended master secret: yes" in text
              and "Verify return code: 0 (ok)" in text, text)
    for what, options in {"AES-256": ("-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                          "another curve": ("-groups", "P-384")}.items():
        text, good = s_client(world, client, *options)
        check(not good and "handshake failure" in text, f"{what}: {text}")
    text, good = s_client(world, client, certificate=False)
    check(not good, f"no certificate: {text}")


def amplification(world, client):
    say("strangers get less than they send")
    host, port = world.coaps.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        words = ["openssl", "s_client", "-dtls1_2", "-connect",
                 f"127.0.0.1:{ear.getsockname()[1]}"]
        asking = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        hello = ear.recv(4096)
        asking.kill()
        asking.communicate()
    total = 0
    for _ in range(50):  # addresses that never answer
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect((host, int(port)))
            stranger.settimeout(0.02)
            stranger.send(hello)
            got = 0
            try:
                while True:
                    got += len(stranger.recv(4096))
            except TimeoutError:
                pass
            check(got <= 3 * len(hello), f"{got} bytes for {len(hello)}")
            total += got
    check(total > 0, "nothing was answered")
    equal(client.ask(f"{EST}/crts")[0], "2.05", client.log)


def many_at_once(world):
    say("many at once, two workers: a session stays with its worker")
    clients = [Client(world, f"coaps-many-{i}") for i in range(8)]
    register(world, *(client.make_factory() for client in clients))
    codes = []

    def one(client):
        client.ask(f"{EST}/crts", more=("-G", "3", "-b", "64"))
        codes.append(len(re.findall(r"t:ACK c:2\.05", client.log)))

    threads = [threading.Thread(target=one, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(len(codes) == len(clients) and min(codes) >= 3 * 6,
          f"{codes}: blocks of 64 bytes, three times")


def update_server(world, client):
    say("the update server's door is shut to devices it does not have")
    address = f"127.0.0.1:{harness.free_port()}"
    world.serve_options[SP1] = ["--coaps", address]
    world.start(SP1)
    text, good = s_client(world, client, address=address)
    check(not good and "alert" in text.lower(), text)
    check("refused 'coaps-client'" in (world.logs / "SP1.log").read_text(), "SP1's log")


def below_another(cede):
    say("a CA below another: its chain comes along, without the root")
    with World(cede, hierarchy="b") as world:
        serve_coaps(world)
        client = Client(world, "coaps-below")
        client.root = world.path(PCA) / "ca.pem"
        uri = register(world, client.make_factory())
        text, good = s_client(world, client)
        check(good and "Verify return code: 0 (ok)" in text, text)
        names = re.findall(r"^ \d s:(?:CN = )?(.*)$", text, re.M)
        equal(names, ["CA1 est", "CA1"], "the chain that is sent")
        certificate = client.dir / "first.pem"
        certificate.write_bytes(client.enrol(f"{uri}/sen", client.request(client.key("first"))))
        tool("openssl", "verify", "-x509_strict", "-CAfile", client.root, "-untrusted",
             world.path(CA1) / "ca.pem", certificate)
        code, _, body = client.ask(f"{EST}/crts", accept=CERTS_ONLY)
        equal(code, "2.05", client.log)
        text = tool("openssl", "pkcs7", "-inform", "DER", "-print_certs", data=body).stdout
        equal(text.count(b"BEGIN CERTIFICATE"), 2, "anchors")


def serve_coaps(world):
    world.coaps = f"127.0.0.1:{harness.free_port()}"
    world.init_options[CA1] = world.serve_options[CA1] = ["--coaps", world.coaps]
    world.init()
    for actor in (PCA, CA1):
        world.start(actor)


def test(options):
    with World(options.cede, workers=2) as world:
        serve_coaps(world)
        client, keyless = Client(world, "coaps-client"), Client(world, "coaps-keyless")
        uri = register(world, client.make_factory(), keyless.make_factory())
        enrolment(world, client, uri)
        keys_made_there(world, keyless, uri)
        encrypted_keys(world)
        refusals(world, client, uri)
        handshakes(world, client)
        amplification(world, client)
        many_at_once(world)
        update_server(world, client)
    below_another(options.cede)


harness.main(test)
