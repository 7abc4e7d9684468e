# SPDX-License-Identifier: Apache-2.0
"""Devices of the X.509 profile, alone and beside compact ones, change hands: `openssl ocsp` and the
CRL say "revoked" of every old certificate, and say nothing against the new ones. What the answers of
the CA's HTTP door tell caches is held against RFC 5019, RFC 9111 and what is signed in them.

    PCA, CA1, CA2 (HTTP: CRL, OCSP)      SP1, SP2 (CoAP and DTLS)      devices: half of each kind
"""

import base64
import email.utils
import re
import sqlite3
import subprocess
import time
import urllib.parse

import harness
from harness import CA1, CA2, SP1, SP2, check, equal, free_port, say, wait_until
from test_revocation import RevocationWorld, openssl

DEVICES = 3  # of each profile
AGE_MAX_S = 300  # of an OCSP response in a cache


class X509World(RevocationWorld):
    """Everybody has a door of each profile."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.coaps = {actor: f"127.0.0.1:{free_port()}" for actor in (CA1, CA2, SP1, SP2)}
        for actor, address in self.coaps.items():
            self.serve_options.setdefault(actor, []).extend(["--coaps", address])

    def run(self, *arguments, **options):
        words = [str(word) for word in arguments]
        if words[1:2] == ["init"] and "--name" in words:
            address = self.coaps.get(words[words.index("--name") + 1])
            words += ["--coaps", address] if address else []
        return super().run(*words, **options)

    def serials_of(self, ca, devices):
        return {c["serial"] for c in self.certificates(ca) if c["subject"] in devices}

    def on_crl(self, ca):
        """Serial numbers of the list, its signature checked."""
        text = self.crl(ca)
        check("verify OK" in text, text)
        return {s.lower() for s in re.findall(r"Serial Number: ([0-9A-F]+)", text)}


def check_revoked(world, ids):
    """Before the hand-over all certificates of CA1 were good: what OCSP kept is no longer said."""
    old, new = world.serials_of(CA1, ids), world.serials_of(CA2, ids)
    equal((len(old), len(new)), (len(ids), len(ids)), "old and new certificates")
    wait_until("the CRL to have the old certificates", lambda: old <= world.on_crl(CA1))
    equal(world.on_crl(CA2) & new, set(), "new certificates on a CRL")
    for serial in old:
        for more in ((), ("-no_nonce",)):
            said = world.ocsp(CA1, serial, *more)
            check(": revoked" in said and "Response verify OK" in said, said)
            check("cessationOfOperation" in said or "superseded" in said, f"the reason: {said}")
    for serial in new:
        said = world.ocsp(CA2, serial)
        check(": good" in said and "Response verify OK" in said, said)


def check_chain_with_crl(world, ids):
    """A verifier that has the new certificate of a device, its CA and the CRL takes it; with the old
    CA's CRL it refuses the old one."""
    for ca, wanted in ((CA2, 0), (CA1, 2)):
        _, _, der = world.get(ca, "/ca.crl")
        crl = world.dir / f"{ca}.crl.pem"
        crl.write_text(openssl("crl", "-inform", "DER", data=der))
        for device in ids:
            _, text, _ = operational(world, ca, device)
            leaf = world.dir / f"{ca}-{device}.pem"
            leaf.write_text(text)
            done = subprocess.run(["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile",
                                   world.path(ca) / "ca.pem", "-CRLfile", crl, leaf],
                                  capture_output=True, text=True, timeout=30)
            equal(done.returncode, wanted, f"{device} at {ca}: {done.stdout}{done.stderr}")
            check(wanted == 0 or "certificate revoked" in done.stdout + done.stderr, done.stderr)


def operational(world, ca, device):
    """(serial, PEM, DER) of a device's certificate, out of the CA's records."""
    with sqlite3.connect(f"file:{world.path(ca)}/store.db?mode=ro", uri=True) as store:
        rows = store.execute("SELECT serial, raw FROM certificate WHERE subject = ? AND profile = ("
                             "SELECT max(profile) FROM certificate)", (device,)).fetchall()
    equal(len(rows), 1, f"certificates of {device} at {ca}")
    serial, der = rows[0]
    return serial.hex(), openssl("x509", "-inform", "DER", data=der), der


# --- caches ----------------------------------------------------------------------------------------


def ocsp_path(world, ca, serial):
    """A request without a nonce as RFC 6960, appendix A.1, puts it into a GET."""
    request = world.dir / "request.ocsp"
    openssl("ocsp", "-issuer", world.path(ca) / "ca.pem", "-serial", f"0x{serial}", "-no_nonce",
            "-reqout", request)
    return "/ocsp/" + urllib.parse.quote(base64.b64encode(request.read_bytes()).decode(), safe="")


def seconds(date):
    return email.utils.parsedate_to_datetime(date).timestamp()


def signed_times(text):
    """(thisUpdate, nextUpdate) out of what openssl says of a response or a list."""
    times = re.search(r"(?:This|Last) Update: (.+? GMT).*?Next Update: (.+? GMT)", text, re.S)
    check(times, text)
    return [time.mktime(time.strptime(t, "%b %d %H:%M:%S %Y %Z")) - time.timezone
            for t in times.groups()]


def check_headers(what, headers, text, age_max):
    """RFC 5019, section 6.2: Last-Modified is thisUpdate, Expires not behind nextUpdate, max-age
    alike, an ETag; RFC 9111, section 5.2.2.1: max-age counts, beside Expires."""
    this_update, next_update = signed_times(text)
    control = headers["Cache-Control"]
    age = int(re.search(r"max-age=(\d+)", control)[1])
    for word in ("public", "no-transform", "must-revalidate"):
        check(word in control, f"{what}: {control}")
    check(0 < age <= age_max, f"{what}: {control}")
    equal(seconds(headers["Last-Modified"]), this_update, f"{what}: Last-Modified")
    check(seconds(headers["Expires"]) <= next_update, f"{what}: Expires {headers['Expires']}")
    check(seconds(headers["Date"]) + age <= next_update, f"{what}: max-age leads past nextUpdate")
    check(re.fullmatch(r'"[0-9a-f]+"', headers["ETag"]), f"{what}: {headers['ETag']}")


def check_conditions(world, path, headers, body):
    equal(world.get(CA1, path)[2], body, f"{path}, asked again")
    for name, value, wanted in (("If-None-Match", headers["ETag"], 304),
                                ("If-None-Match", '"0"', 200),
                                ("If-Modified-Since", headers["Last-Modified"], 304),
                                ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200)):
        code, again, text = world.get(CA1, path, {name: value})
        equal((code, text), (wanted, b"" if wanted == 304 else body), f"{path}, {name}: {value}")
        equal(again["ETag"], headers["ETag"], f"ETag of {path} with {name}")


def response_text(world, der):
    path = world.dir / "response.ocsp"
    path.write_bytes(der)
    return openssl("ocsp", "-respin", path, "-resp_text", "-noverify", ok=False)


def check_caching(world, serial):
    """Of a revoked certificate, of lists, and of what must not be kept."""
    path = ocsp_path(world, CA1, serial)
    code, headers, body = world.get(CA1, path)
    text = response_text(world, body)
    equal((code, headers["Content-Type"]), (200, "application/ocsp-response"), path)
    check("Cert Status: revoked" in text, text)
    check_headers("OCSP by GET", headers, text, AGE_MAX_S)
    check_conditions(world, path, headers, body)
    for path, age_max in (("/ca.crl", 86400), ("/delta.crl", 3600)):
        code, headers, body = world.get(CA1, path)
        equal((code, headers["Content-Type"]), (200, "application/pkix-crl"), path)
        text = openssl("crl", "-inform", "DER", "-noout", "-text", data=body)
        check_headers(path, headers, text, age_max)
        check_conditions(world, path, headers, body)
    code, headers, body = world.get(CA1, ocsp_path(world, CA1, "4111111111111111"))
    check("Cert Status: unknown" in response_text(world, body), "a number nobody has")
    equal((code, headers["Cache-Control"], headers["Expires"], headers["ETag"]),
          (200, "no-store", None, None), "what is unknown may be issued in a moment")
    code, headers, body = world.get(CA1, "/ocsp/AAAA")
    check("malformedrequest" in response_text(world, body), "what is no request")
    equal(headers["Cache-Control"], "no-store", "caching of an error")


def fleet(world, profile, prefix):
    ids = world.provision(DEVICES, "--profile", profile, "--prefix", prefix)
    world.start_devices(ids)
    return ids


def change_hands(world, *fleets):
    """All at the same time, a transfer a fleet; every old certificate was good before."""
    ids = [device for devices in fleets for device in devices]
    wait_until("the devices to be operational", lambda: all(
        world.inventory(SP1)[device]["status"] == "operational" for device in ids), 60)
    for serial in world.serials_of(CA1, ids):
        said = world.ocsp(CA1, serial, "-no_nonce")  # signed now, and kept
        check(": good" in said and "Response verify OK" in said, said)
    transfers = [world.agree(",".join(devices)) for devices in fleets]
    for transfer, devices in zip(transfers, fleets):
        world.check_moved(devices, transfer)
    check_revoked(world, ids)
    return ids


def test(options):
    with X509World(options.cede) as world:
        world.init()
        world.start_all()
        say("devices of the X.509 profile change hands")
        x509 = change_hands(world, fleet(world, "x509", "x"))
        check_chain_with_crl(world, x509)
        say("a mixed fleet changes hands")
        mixed = change_hands(world, fleet(world, "x509", "m"), fleet(world, "compact", "c"))
        say("what both have left behind")
        check_revoked(world, x509 + mixed)
        say("what caches are told")
        check_caching(world, sorted(world.serials_of(CA1, x509))[0])


if __name__ == "__main__":
    harness.main(test)
