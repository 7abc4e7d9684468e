# SPDX-License-Identifier: Apache-2.0
"""Revocation as the world sees it: after a hand-over `openssl ocsp` and the CRL say that the old
certificates are revoked; providers go by the CRL and OCSP, also while the CA is away; CAs ask the
permanent CA about factory certificates; devices that demand a proof of their servers' status refuse
a server that is revoked.

    PCA (HTTP: CRL, OCSP) <-- CA1 (OCSP), CA2 (CRL)
    CA1 (HTTP: CRL, OCSP) <-- SP1 (CRL, OCSP)      devices, policy "require"
    CA2 (HTTP: CRL, OCSP) <-- SP2 (CRL, OCSP)
"""

import json
import subprocess
import time
import urllib.error
import urllib.request

import harness
from harness import CA1, CA2, PCA, SP1, SP2, World, check, equal, free_port, say, wait_until

DEVICES = 3


def watch_factories(world):
    """Which word of the permanent CA each CA goes by."""
    for ca, kind, path in ((CA1, "ocsp", "ocsp"), (CA2, "crl", "ca.crl")):
        file = world.path(ca) / "policy.json"
        policy = json.loads(file.read_text())
        policy["factory_anchors"] = [{"certificate": str(world.path(PCA) / "ca.pem"),
                                      kind: f"http://{world.http[PCA]}/{path}"}]
        policy["factory_status"] = {"on_outage": "refuse"}
        file.write_text(json.dumps(policy))


def openssl(*arguments, ok=True, data=None):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, input=data,
                          timeout=60)
    if ok:
        equal(done.returncode, 0, f"openssl {arguments[0]}: {done.stderr.decode()}")
    return (done.stdout + done.stderr).decode()


class RevocationWorld(World):
    """CAs publish, providers fetch."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = {ca: f"127.0.0.1:{free_port()}" for ca in (PCA, CA1, CA2)}
        for ca, address in self.http.items():
            self.serve_options[ca] = ["--http", address]

    def run(self, *arguments, **options):
        words = [str(word) for word in arguments]
        if words[:2] == ["ca", "init"] and "--certificate" not in words:
            words += ["--http", self.http[words[words.index("--name") + 1]]]
        if words[:2] == ["sp", "partner"]:
            name = words[words.index("--name") + 1]
            if name in self.http:
                words += ["--crl", f"http://{self.http[name]}/ca.crl",
                          "--ocsp", f"http://{self.http[name]}/ocsp"]
        return super().run(*words, **options)

    def get(self, ca, path, headers=None):
        request = urllib.request.Request(f"http://{self.http[ca]}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def ocsp(self, ca, serial, *more):
        return openssl("ocsp", "-issuer", self.path(ca) / "ca.pem", "-serial", f"0x{serial}",
                       "-url", f"http://{self.http[ca]}/ocsp", "-CAfile",
                       self.path(ca) / "ca.pem", *more)

    def crl(self, ca):
        _, _, der = self.get(ca, "/ca.crl")
        return openssl("crl", "-inform", "DER", "-noout", "-text", "-CAfile",
                       self.path(ca) / "ca.pem", data=der)


def serials(world, ca, status):
    return [certificate["serial"] for certificate in world.certificates(ca, status=status)]


def check_public_word(world):
    """The old certificates are revoked, the new ones good, for everybody who asks."""
    old, new = serials(world, CA1, "revoked"), serials(world, CA2, "live")
    equal((len(old), len(new)), (DEVICES, DEVICES), "certificates revoked and live")
    wait_until("the CRL", lambda: all(s.upper() in world.crl(CA1) for s in old))
    check("verify OK" in world.crl(CA1), "the CRL's signature")
    for serial in old:
        for more in ((), ("-no_nonce",)):
            said = world.ocsp(CA1, serial, *more)
            check(": revoked" in said and "Response verify OK" in said, said)
    for serial in new:
        said = world.ocsp(CA2, serial)
        check(": good" in said and "Response verify OK" in said, said)
        check(serial.upper() not in world.crl(CA2), "a live certificate on the CRL")
    said = world.ocsp(CA1, "4111111111111111")
    check(": unknown" in said, said)


def check_caching(world):
    code, headers, body = world.get(CA1, "/ca.crl")
    equal(code, 200, "the CRL")
    check("max-age=" in headers["Cache-Control"], headers["Cache-Control"])
    for name in ("ETag", "Last-Modified", "Expires"):
        check(headers[name], name)
    code, _, body = world.get(CA1, "/ca.crl", {"If-None-Match": headers["ETag"]})
    equal((code, body), (304, b""), "the CRL once more")
    code, _, _ = world.get(CA1, "/ca.crl", {"If-None-Match": '"another"'})
    equal(code, 200, "the CRL for another tag")
    for path in ("/", "/store.db", "/ca.key", "/ocsp/AAAA%00", "/proof/zz"):
        code, _, body = world.get(CA1, path)
        check(code in (200, 400, 404) and b"PRIVATE" not in body, f"{path}: {code}")


def sources(world, sp):
    """When each CA's list was last confirmed, by the log of what fails: none is to fail."""
    log = world.servers[sp].text()
    return [line for line in log.splitlines() if "warning revocations of" in line]


def check_revoked_elsewhere(world, device):
    """The operator of CA2 revokes; SP2 learns it and closes its door."""
    serial = [c["serial"] for c in world.certificates(CA2, status="live")
              if c["subject"] == device][0]
    world.run("ca", "revoke", "--dir", world.path(CA2), "--serial", serial, "--reason", "1")
    wait_until("OCSP to say so", lambda: ": revoked" in world.ocsp(CA2, serial, "-no_nonce"), 10)
    mark = len(world.servers[SP2].text())
    world.kill_device(device)
    world.start_device(device)
    wait_until("SP2 to refuse the device",
               lambda: f"refused '{device}'" in world.servers[SP2].text()[mark:], 30)


def check_stolen_device(world, device):
    """Its factory certificate is revoked before it was ever switched on: CA1 asks and refuses."""
    serial = [c["serial"] for c in world.certificates(PCA, "factory")
              if c["subject"] == device][0]
    world.run("ca", "revoke", "--dir", world.path(PCA), "--serial", serial, "--reason", "1")
    wait_until("OCSP to say so", lambda: ": revoked" in world.ocsp(PCA, serial, "-no_nonce"), 10)
    world.start_device(device)
    wait_until("CA1 to refuse the device",
               lambda: "the certificate is revoked" in world.servers[CA1].text(), 30)
    world.kill_device(device)
    equal(world.certificates(CA1), [], "certificates of CA1")


def run_again(world, device, seconds):
    """What a device has to tell after having run for a while."""
    world.stop_devices()
    world.start_device(device)
    time.sleep(seconds)
    world.stop_devices()
    return json.loads((world.stats / f"{device}.json").read_text())


def check_revoked_server(world, device):
    """SP2 says itself that its update server is revoked: devices that ask do not stay with it."""
    stats = run_again(world, device, 4)
    check(stats["handshakes"] > 0, f"handshakes before: {stats['handshakes']}")
    world.run("sp", "revoke-server", "--dir", world.path(SP2))
    time.sleep(1)
    stats = run_again(world, device, 6)
    equal(stats["handshakes"], 0, "handshakes with a revoked server")
    check(stats["failures"] > 0, "attempts that failed")


def test(options):
    with RevocationWorld(options.cede) as world:
        world.init()
        watch_factories(world)
        world.start_all()
        say("devices that demand a proof change hands")
        stolen, *ids = world.provision(1 + DEVICES, "--status", "require")
        check_stolen_device(world, stolen)
        world.start_devices(ids)
        world.wait_count(SP1, "operational", DEVICES)
        transfer = world.agree()
        world.wait_count(SP2, "operational", DEVICES)
        wait_until("the old certificates to be revoked",
                   lambda: len(serials(world, CA1, "revoked")) == DEVICES)
        world.check_moved(ids, transfer)
        say("what the world can know of it")
        check_public_word(world)
        check_caching(world)
        equal(sources(world, SP1) + sources(world, SP2), [], "lists that could not be had")
        say("a CA that is away does not take its last list along")
        world.stop(CA1)
        world.start(CA1)
        check_public_word(world)
        say("revoked elsewhere")
        check_revoked_elsewhere(world, ids[0])
        say("a revoked update server")
        check_revoked_server(world, ids[1])


if __name__ == "__main__":
    harness.main(test)
