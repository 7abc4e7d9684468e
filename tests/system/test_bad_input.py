# SPDX-License-Identifier: Apache-2.0
"""What people mistype, what others send, what decays: refused with a reason, nothing changed, and a
fleet that is being handed over does not notice."""

import contextlib
import hashlib
import os
import random
import re
import socket
import threading
import time

import harness
import partner
from harness import CA1, CA2, PCA, SP1, SP2, World, check, equal, say

DEVICES = 8
SLOT = 8192


def fails(world, *arguments, code=1, says=None):
    done = world.run(*arguments, code=code)
    check(re.search(r"^cede: ", done.stderr, re.M), f"'{arguments}' gives no reason: {done.stderr}")
    equal(done.stdout, "", f"standard output of {arguments}")
    if says:
        check(re.search(says, done.stderr), f"'{says}' is not in: {done.stderr}")
    return done.stderr


def digest_of(folder):
    return {str(path): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(folder.rglob("*")) if path.is_file()}


# --- the command line ----------------------------------------------------------------------------


def commands(world):
    """Every command, as the usage lists them."""
    text = world.run("--help").stdout
    found = [match[1].split() for match in re.finditer(r"^  cede (\S+(?: \S+)?) +\S", text, re.M)]
    nouns = {"demo", "inspect"}
    found = [words[:1] if words[0] in nouns else words for words in found]
    check(len(found) >= 18, f"the usage lists only {found}")
    return found


def command_line(world):
    say("help, unknown words, missing values")
    every = commands(world)
    for words in every:
        for ask in ("--help", "-h"):
            text = world.run(*words, ask).stdout
            check(text.startswith(f"usage: cede {words[0]}"), f"help of {words}: {text}")
        fails(world, *words, "--no-such-option", code=2, says="--help")
        fails(world, *words, "--no-such-option=1", code=2, says="--help")
        options = re.findall(r"^  --(\S+) \S+ ", world.run(*words, "--help").stdout, re.M)
        for option in options:
            fails(world, *words, f"--{option}", code=2, says="wants a value")
    for noun in {words[0] for words in every if len(words) == 2}:
        fails(world, noun, "no-such-verb", code=2, says="--help")
        equal(world.run(noun, "--help").returncode, 0, f"{noun} --help")
        equal(world.run(noun, code=2).stderr, "", f"{noun} alone")
    fails(world, "no-such-noun", code=2, says="--help")
    fails(world, "", code=2, says="--help")
    world.run(code=2)
    for words in (("demo", "--devices", "0"), ("demo", "--devices", "6x"), ("demo", "--hierarchy",
                  "e"), ("demo", "--workers", "-1"), ("demo", "surplus"),
                  ("sp", "serve", "--dir", world.path(SP1), "--workers", "0"),
                  ("sp", "provision", "--dir", world.path(SP1), "--out", "x", "--count", "1e3"),
                  ("ca", "revoke", "--dir", world.path(CA1), "--device", "d1", "--reason", "99"),
                  ("ca", "revoke", "--dir", world.path(CA1)),
                  ("ca", "issue", "--dir", world.path(CA1), "--profile", "king", "--in", "a",
                   "--out", "b"),
                  ("ca", "init", "--dir", world.dir / "new", "--name", "x", "--kind", "king"),
                  ("sp", "partner", "--dir", world.path(SP1), "--name", "x", "--role", "king",
                   "--url", "https://localhost:1", "--certificate", "x"),
                  ("inspect",), ("inspect", "/dev/null", "--as", "king")):
        fails(world, *words, code=2)
    check(not (world.dir / "new").exists(), "a refused init made a folder")


def missing_folders(world):
    say("folders and files that are not there")
    nowhere = world.dir / "nowhere"
    for words in (("sp", "devices"), ("sp", "serve"), ("sp", "provision", "--out", world.dir / "x"),
                  ("transfer", "status"), ("transfer", "offer", "--to", SP2),
                  ("transfer", "accept", "--id", "00" * 16, "--ca", CA2),
                  ("transfer", "start", "--id", "00" * 16),
                  ("transfer", "cancel", "--id", "00" * 16), ("ca", "list"),
                  ("ca", "serve", "--https", world.https[CA1]), ("ca", "revoke", "--device", "d1"),
                  ("ca", "account", "--name", "x", "--certificate", world.path(SP1) /
                   "identity.pem"),
                  ("sp", "partner", "--name", "x", "--role", "ca", "--url", "https://localhost:1",
                   "--certificate", world.path(CA1) / "ca.pem")):
        fails(world, *words, "--dir", nowhere, says="nowhere")
    fails(world, "device", "run", "--image", nowhere / "x.image", says="no such image")
    fails(world, "inspect", nowhere, says="nowhere")
    fails(world, "ca", "account", "--dir", world.path(CA1), "--name", "x", "--certificate", nowhere,
          says="nowhere")
    fails(world, "ca", "issue", "--dir", world.path(CA1), "--profile", "subca", "--in", nowhere,
          "--out", world.dir / "x", says="nowhere")
    fails(world, "sp", "init", "--dir", nowhere / "deep" / "x", "--name", "x")
    fails(world, "ca", "init", "--dir", nowhere / "deep" / "x", "--name", "x", "--kind",
          "permanent")
    check(not nowhere.exists(), "a command made the folder it did not find")
    # A folder of the other kind.
    fails(world, "sp", "devices", "--dir", world.path(CA1))
    fails(world, "ca", "list", "--dir", world.path(SP1))


def second_init(world):
    say("init over what is there")
    for actor in (CA1, SP1):
        kind = ("ca", "init", "--kind", "operational") if actor == CA1 else ("sp", "init")
        before = digest_of(world.path(actor))
        fails(world, *kind, "--dir", world.path(actor), "--name", "usurper")
        equal(digest_of(world.path(actor)), before, f"files of {actor}")
    before = digest_of(world.path(PCA))
    fails(world, "demo", "--dir", world.path(PCA), says="to be made")
    equal(digest_of(world.path(PCA)), before, "files of PCA")


@contextlib.contextmanager
def mode(path, value):
    old = path.stat().st_mode & 0o7777
    path.chmod(value)
    try:
        yield
    finally:
        path.chmod(old)


def permissions(world):
    say("private keys that others may read")
    request = world.dir / "any.csr"
    request.write_bytes(b"-")
    serve_ca = ("ca", "serve", "--dir", world.path(CA1), "--https", world.https[CA1], "--coap",
                world.coap[CA1])
    serve_sp = ("sp", "serve", "--dir", world.path(SP1), "--https", world.https[SP1], "--coap",
                world.coap[SP1])
    for value in (0o644, 0o640, 0o604, 0o660):
        with mode(world.path(CA1) / "ca.key", value):
            fails(world, *serve_ca, says="ca.key|ours alone")
            fails(world, "ca", "issue", "--dir", world.path(CA1), "--profile", "subca", "--in",
                  request, "--out", world.dir / "x", says="ca.key|ours alone")
        with mode(world.path(SP1) / "identity.key", value):
            fails(world, "transfer", "offer", "--dir", world.path(SP1), "--to", SP2,
                  says="ours alone")
            fails(world, *serve_sp)
    for key in ("est.key", "tls.key"):
        with mode(world.path(CA1) / key, 0o644):
            fails(world, *serve_ca)
    for key in ("server.key", "tls.key"):
        with mode(world.path(SP1) / key, 0o644):
            fails(world, *serve_sp)


def ids_files(world):
    say("lists of ids with bad lines")
    path, out = world.dir / "ids", world.dir / "made"
    for text in ("good\nbad id\n", "a/b\n", "x" * 33 + "\n", "x" * 300 + "\n", "tab\there\n",
                 "../../etc\n", "", "# nothing but remarks\n\n", "twice\ntwice\n", "caf\xe9\n",
                 "good\n\x01\n"):
        path.write_bytes(text.encode("latin-1"))
        fails(world, "sp", "provision", "--dir", world.path(SP1), "--out", out, "--ids", path)
        equal(list(out.glob("*")) if out.exists() else [], [], f"images made from {text!r}")
    fails(world, "sp", "provision", "--dir", world.path(SP1), "--out", out, "--ids", world.dir)
    equal(world.inventory(SP1), {}, "inventory of SP1")
    path.write_bytes(b"# remark\r\n\r\ngood-1\r\n" + b"y" * 32 + b"\n")
    world.run("sp", "provision", "--dir", world.path(SP1), "--out", out, "--ids", path)
    equal(sorted(p.name for p in out.glob("*")), ["good-1.image", "y" * 32 + ".image"], "images")
    fails(world, "sp", "provision", "--dir", world.path(SP1), "--out", out, "--ids", path)
    equal(sorted(world.inventory(SP1)), ["good-1", "y" * 32], "inventory of SP1")


# --- device images -------------------------------------------------------------------------------


def flipped(world, image, *places):
    data = bytearray(image.read_bytes())
    for place in places:
        data[place] ^= 0x10
    path = world.dir / "flipped.image"
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def images(world, device):
    say("device images that decayed, or are none")
    image = world.image(device)
    for place in (0, 5, 9, 14, 20, 28, 40, 300):
        fails(world, "device", "run", "--image", flipped(world, image, place),
              says="journal|damaged|decayed|record")
    for size in (1, 1000, SLOT, 2 * SLOT - 1, 2 * SLOT + 1):
        path = flipped(world, image)
        os.truncate(path, size)
        fails(world, "device", "run", "--image", path, says="no device image")
    path.write_bytes(os.urandom(2 * SLOT))
    fails(world, "device", "run", "--image", path, says="journal|damaged|decayed|record")
    for value in (0o644, 0o640, 0o400, 0o666):
        with mode(image, value):
            fails(world, "device", "run", "--image", image, says="chmod 600")
    link = world.dir / "link.image"
    link.symlink_to(image)
    fails(world, "device", "run", "--image", link)
    fails(world, "device", "run", "--image", world.dir)
    world.start_device(device)
    world.wait_count(SP1, "operational", 1)
    fails(world, "device", "run", "--image", image, says="in use")


def one_slot(world, device):
    """Two records are in the image: with the newer one damaged the older one is used, with both
    damaged none."""
    world.kill_device(device)
    image = world.image(device)
    text = world.run("inspect", image).stdout
    newer = int(re.search(r"^slot (\d): sequence \d+, \d+ bytes, the present", text, re.M)[1])
    equal(world.record(device)[0], "operational", "state in the newer slot")
    path = flipped(world, image, newer * SLOT + 200)
    equal(world.record(device, path)[0], "enrolling", "state in the older slot")
    world.start_device(device, image=path, name="half")
    harness.wait_until("the device with one slot is operational",
                       lambda: world.record(device, path)[0] == "operational", 30)
    world.kill_device("half")
    check("the memory decays" in (world.logs / "device-half.log").read_text(),
          "nobody was told that the memory decays")
    both = flipped(world, image, 200, SLOT + 200)
    fails(world, "device", "run", "--image", both, says="journal|damaged|decayed|record")
    world.start_device(device)


# --- while a fleet works -------------------------------------------------------------------------


def plausible_datagrams():
    """Of the form that CoAP, EDHOC and OSCORE have, and each to be refused."""
    path = b"\xbb.well-known\x05edhoc"
    return [b"\x44\x02\x12\x34abcd" + path + b"\xff\xf5\x00\x02" + bytes(33),
            b"\x44\x02\x12\x35abcd" + path + b"\xff" + os.urandom(40),
            b"\x42\x02\x12\x36ab\x91u\xff\xa0", b"\x48\x01\x12\x37abcdefgh\xb1e",
            b"\x44\x02\x12\x38abcd\x97\x09\x01\x00\xff" + os.urandom(20),
            b"\x40\x00\x12\x39", b"\x60\x00\x12\x3a", b"\x70\x00\x12\x3b",
            b"\x40\x02\x12\x40\x90", b"\x50\x02\x12\x41\x92\x09\x00",
            b"\x4f\x02\x12\x3c", b"\x44\x02\x12\x3dabcd\xff", b"\x44\x02\x12\x3eabcd\xdd\xff",
            b"\x44\x02\x12\x3fabcd" + path + b"\xd1\x06\x56\xff" + bytes(1024)]


def coap_noise():
    """Datagrams: random ones, truncated and bent ones of plausible form."""
    chance = random.Random(7)  # the same each time
    plausible = plausible_datagrams()
    while True:
        base = chance.choice(plausible)
        kind = chance.randrange(4)
        if kind == 0:
            yield chance.randbytes(chance.randrange(1, 1400))
        elif kind == 1:
            yield base[:chance.randrange(0, len(base) + 1)]
        elif kind == 2:
            bent = bytearray(base)
            bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
            yield bytes(bent)
        else:
            yield base


def coap_doors(world):
    return [("127.0.0.1", int(world.coap[actor].split(":")[1])) for actor in (CA1, CA2, SP1, SP2)]


def strangers_get_little(world):
    say("three bytes for one, at every CoAP door")
    answers = 0
    for door in coap_doors(world):
        for datagram in plausible_datagrams():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.settimeout(0.05)
                out.sendto(datagram, door)
                with contextlib.suppress(OSError):
                    answer = out.recv(8192)
                    check(len(answer) <= 3 * len(datagram), f"{answer} for {datagram}")
                    answers += 1
    check(answers >= 30, f"only {answers} answers")


class Nuisance:
    """Threads that pester the servers until told to stop; each counts what it did."""

    def __init__(self, world):
        self.world, self.stop, self.counts, self.errors = world, threading.Event(), {}, []
        self.threads = [threading.Thread(target=self.guard, args=(work,), daemon=True)
                        for work in (self.datagrams, self.huge, self.slow, self.half_open)]

    def guard(self, work):
        try:
            work()
        except Exception as error:  # told at the end, in the test's own thread
            self.errors.append(f"{work.__name__}: {error!r}")

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)

    def datagrams(self):
        targets = coap_doors(self.world)
        noise = coap_noise()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self.stop.wait(0.001):
                with contextlib.suppress(OSError):
                    out.sendto(next(noise), random.choice(targets))
                    self.count("datagrams")

    def huge(self):
        while not self.stop.wait(0.2):
            with contextlib.suppress(OSError):  # it may close instead of listening to the end
                status = partner.ask(self.world, SP1, SP2, "POST", "/v1/receipts",
                                     bytes(32 << 20), "application/cwt")[0]
                check(status == 413, f"a huge body is answered {status}")
            self.count("huge bodies")

    def slow(self):
        """Announces a body and sends it byte by byte."""
        host, port = partner.address(self.world, SP2)
        context = partner.tls_context(self.world, SP2, SP1)
        lines = []
        for _ in range(20):
            plain = socket.create_connection((host, port), 20)
            line = context.wrap_socket(plain, server_hostname=host)
            line.sendall(b"POST /v1/contracts HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         b"application/jose+json\r\nContent-Length: 5000\r\n\r\n")
            lines.append(line)
        while not self.stop.wait(0.3):
            for line in lines:
                with contextlib.suppress(OSError):
                    line.sendall(b"{")
                    self.count("slow bytes")
        for line in lines:
            line.close()

    def half_open(self):
        """Connections that say nothing, or no TLS."""
        host, port = partner.address(self.world, SP1)
        lines = [socket.create_connection((host, port), 20) for _ in range(50)]
        while not self.stop.wait(0.2):
            with contextlib.suppress(OSError), socket.create_connection((host, port), 20) as line:
                line.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(100))
                self.count("connections without TLS")
        for line in lines:
            line.close()


def under_noise(world, first):
    say("noise at every door, and a hand-over")
    fleet = world.provision(DEVICES - 1, "--first", 100)
    pids = {a: harness.children_of(world.servers[a].pid) for a in (CA1, CA2, SP1, SP2)}
    with Nuisance(world) as nuisance:
        world.start_devices(fleet)
        world.wait_count(SP1, "operational", DEVICES)
        transfer = world.agree(devices=",".join([first, *fleet]))
        world.wait_count(SP2, "operational", DEVICES)
        world.check_moved([first, *fleet], transfer)
        time.sleep(2)
    equal(nuisance.errors, [], "errors of those who made noise")
    say(", ".join(f"{n} {what}" for what, n in sorted(nuisance.counts.items())))
    check(nuisance.counts["datagrams"] > 1000 and len(nuisance.counts) == 4, "too little noise")
    for actor, before in pids.items():
        equal(harness.children_of(world.servers[actor].pid), before, f"processes of {actor}")


def test(options):
    with World(options.cede, keep=options.keep) as world:
        world.init()
        command_line(world)
        missing_folders(world)
        second_init(world)
        permissions(world)
        world.start_all()
        fails(world, "sp", "serve", "--dir", world.path(SP1), "--https",
              f"127.0.0.1:{harness.free_port()}", "--coap", f"127.0.0.1:{harness.free_port()}")
        strangers_get_little(world)
        ids_files(world)
        device = world.provision(1)[0]
        images(world, device)
        one_slot(world, device)
        under_noise(world, device)
        world.stop_devices()
        world.stop_servers()


if __name__ == "__main__":
    harness.main(test)
