# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a CA at random moments while devices enrol and re-enrol without a pause: no certificate
that was delivered is unknown to the CA, no serial number comes twice, and it always serves again.
`--rounds 50` is the long form."""

import base64
import contextlib
import http.client
import random
import ssl
import subprocess
import threading
import time

import harness
import partner
from harness import CA1, PCA, SP1, World, check, equal, say

EST = "/.well-known/est"
DEVICES = 6


def tool(*arguments, data=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, input=data)
    check(done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout


class Device(threading.Thread):
    """One device that renews its certificate as fast as it is let."""

    def __init__(self, world, name, stop):
        super().__init__(daemon=True)
        self.world, self.name, self.stop = world, name, stop
        self.dir = world.dir / name
        self.dir.mkdir()
        self.delivered, self.failure, self.retries = [], None, 0
        self.keys = 0

    def make_factory(self):
        request, certificate = self.dir / "factory.csr", self.dir / "factory.pem"
        tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.dir / "factory.key", "-subj", f"/CN={self.name}", "-out",
             request)
        self.world.run("ca", "issue", "--dir", self.world.path(PCA), "--profile", "factory", "--in",
                       request, "--out", certificate)
        return tool("openssl", "x509", "-in", certificate, "-outform", "DER")

    def post(self, operation, request, by):
        """The certificate, PEM; None when there was no answer."""
        context = ssl.create_default_context(cafile=str(self.world.path(CA1) / "ca.pem"))
        context.load_cert_chain(*map(str, by))
        host, port = self.world.est.split(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=10, context=context)
        with contextlib.closing(connection):
            try:
                connection.request("POST", f"{EST}/{self.world.token}/{operation}", body=request,
                                   headers={"Content-Type": "application/pkcs10"})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                return None
        if answer.status == 503:
            return None
        check(answer.status == 200, f"{self.name}, {operation}: {answer.status} {body}")
        return tool("openssl", "pkcs7", "-inform", "DER", "-print_certs",
                    data=base64.b64decode(body))

    def enrol(self, operation, by):
        """With a new key, until there is an answer; whose request was lost asks the same again."""
        self.keys += 1
        key, certificate = self.dir / f"{self.keys}.key", self.dir / f"{self.keys}.pem"
        der = tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-subj", f"/CN={self.name}",
                   "-outform", "DER")
        request = base64.b64encode(der)
        while True:
            pem = self.post(operation, request, by)
            if pem is not None:
                break
            self.retries += 1
            time.sleep(0.02)
        certificate.write_bytes(pem)
        serial = tool("openssl", "x509", "-noout", "-serial", data=pem).decode()
        self.delivered.append(serial.strip().partition("=")[2].lower())
        return certificate, key

    def run(self):
        try:
            held = self.enrol("simpleenroll", (self.dir / "factory.pem", self.dir / "factory.key"))
            while not self.stop.is_set():
                held = self.enrol("simplereenroll", held)
        except Exception as failure:  # told by the main thread
            self.failure = failure


def x5bag(certificates):
    items = [bytes([0x59]) + len(der).to_bytes(2, "big") + der for der in certificates]
    return bytes([0x80 + len(items)]) + b"".join(items)


def register(world, devices):
    body = x5bag([device.make_factory() for device in devices])
    status, _, answer = partner.ask(world, CA1, SP1, "POST", "/v1/registrations", body,
                                    "application/cbor")
    equal(status, 200, f"registration: {answer}")
    return answer.decode().partition('"enroll_uri":')[2].split('"')[1].rsplit("/", 1)[1]


def kill_now_and_then(world, devices, rounds):
    for number in range(rounds):
        time.sleep(random.uniform(0.2, 1.2))
        world.restart(CA1, random.uniform(0, 0.2))
        for device in devices:
            check(device.failure is None, f"{device.name}: {device.failure}")
        if (number + 1) % 10 == 0:
            say(f"{number + 1} kills, {sum(len(d.delivered) for d in devices)} delivered")


def judge(world, devices, rounds):
    known = {}
    for certificate in world.certificates(CA1):
        serial = certificate["serial"].lower()
        check(serial not in known, f"serial {serial} twice")
        known[serial] = certificate
    delivered = [serial for device in devices for serial in device.delivered]
    equal(len(delivered), len(set(delivered)), "serials delivered, each once")
    for device in devices:
        check(len(device.delivered) >= 2, f"{device.name} got only {device.delivered}")
        for serial in device.delivered:
            check(serial in known, f"{device.name} holds {serial}, which the CA does not know")
            equal(known[serial]["subject"], device.name, f"subject of {serial}")
        equal(known[device.delivered[-1]]["status"], "live", f"newest of {device.name}")
    say(f"{rounds} kills, {len(delivered)} certificates delivered, {len(known)} known, "
        f"{sum(d.retries for d in devices)} requests without an answer")
    check(sum(d.retries for d in devices) > 0, "no kill met a request: no test")


def test(options):
    random.seed(options.seed)
    say(f"seed {options.seed}")
    with World(options.cede) as world:
        world.est = f"127.0.0.1:{harness.free_port()}"
        world.serve_options[CA1] = ["--est", world.est]
        world.init()
        for actor in (PCA, CA1):
            world.start(actor)
        stop = threading.Event()
        devices = [Device(world, f"device-{i}", stop) for i in range(DEVICES)]
        world.token = register(world, devices)
        for device in devices:
            device.start()
        kill_now_and_then(world, devices, options.rounds)
        stop.set()
        for device in devices:
            device.join(60)
            check(not device.is_alive() and device.failure is None, f"{device.name}: {device.failure}")
        judge(world, devices, options.rounds)
        world.stop(CA1)  # it ends in peace, too
        world.start(CA1)


def options_of(parser):
    parser.add_argument("--rounds", type=int, default=8, help="how often the CA is killed")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")


harness.main(test, options_of)
