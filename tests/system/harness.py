# SPDX-License-Identifier: Apache-2.0
"""harness.py - the actors of a hand-over as processes in a folder of their own.

      permanent CA          hierarchy a: CA1, CA2 stand alone    b: CA1 below the permanent CA
        |       |                     c: both below it           d: CA1 = CA2, below it
    HTTPS|      |HTTPS
        SP1 ---HTTPS--- SP2
        | \\            / |
   HTTPS|  \\ CoAP     /  |HTTPS
        |   \\        /   |
       CA1   devices    CA2        every device is a process: image, statistics and log of its own
         \\___CoAP___/ \\__CoAP_/

A test makes a World, starts actors and devices in it, and looks at them only through the command
line (`--json`) and `cede inspect`. Every process is started in a session of its own, dies with the
test (PR_SET_PDEATHSIG), and is killed as a group when the World is left; then every log is searched
for what must never be there. On success the folder is removed.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 90  # how long nothing may move before a wait fails
WINDOW_S = 600

PCA, CA1, CA2, SP1, SP2 = "PCA", "CA1", "CA2", "SP1", "SP2"

_libc = ctypes.CDLL(None)
_taken_ports = set()


class Failed(Exception):
    """What the test wanted to see is not so."""


def say(text):
    print(f"{time.monotonic() - _begun:7.1f} s  {text}", flush=True)


_begun = time.monotonic()


def check(condition, text):
    if not condition:
        raise Failed(text)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r}, not {wanted!r}")


def free_port():
    """A port free for TCP and UDP, below the ports the system hands out by itself: those of a
    server that is down for a while must not be taken by a device's socket."""
    for _ in range(1000):
        port = random.randrange(15000, 32000)
        if port in _taken_ports:
            continue
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                tcp.bind(("127.0.0.1", port))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", port))
        except OSError:
            continue
        _taken_ports.add(port)
        return port
    raise Failed("no free port")


def _in_child():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def children_of(pid):
    """Live children, zombies left out."""
    with contextlib.suppress(OSError):
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]
    return []


def group_members(pgid):
    """Processes of a group that are alive."""
    members = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == pgid and fields[0] != "Z":
                    members.append(int(entry.name))
    return members


def wait_until(what, condition, patience=PATIENCE_S, step=0.05):
    """Until the condition answers something true, which is returned."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {patience} s in vain: {what}")
        time.sleep(step)


class Process:
    """A command in the background, the leader of its group."""

    def __init__(self, arguments, log, prefix=()):
        self.log = pathlib.Path(log)
        self.arguments = arguments
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                [*prefix, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=_in_child)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        """kill -9 for the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()
        wait_until(f"the end of group {self.pid}", lambda: not group_members(self.pid), 10)

    def stop(self, patience=15):
        """SIGTERM; returns the exit status."""
        self.popen.terminate()
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(map(str, self.arguments[1:3]))} does not stop") from None


# Never in any log, whatever a test does.
_ALARMS = re.compile(
    r"AddressSanitizer|LeakSanitizer|runtime error:|Sanitizer:|ended by signal (?!9\b)\d+|"
    r"ended with status (?!0\b)\d+|stack smashing|double free|Assertion")


def alarms_in(folder, allowed=()):
    found = []
    for log in sorted(folder.iterdir()):
        for line in log.read_text(errors="replace").splitlines():
            if _ALARMS.search(line) and not any(re.search(p, line) for p in allowed):
                found.append(f"{log.name}: {line}")
    return found[:20]


class World:
    """The folder, the actors, the fleet."""

    def __init__(self, cede, hierarchy="a", workers=1, poll=1, keep=False):
        self.cede_path = str(pathlib.Path(cede).resolve())
        self.hierarchy, self.workers, self.poll, self.keep = hierarchy, workers, poll, keep
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cede-system-"))
        self.logs, self.images = self.dir / "logs", self.dir / "devices"
        self.stats = self.dir / "stats"
        for folder in (self.logs, self.images, self.stats):
            folder.mkdir(mode=0o700)
        self.https = {a: f"127.0.0.1:{free_port()}" for a in (PCA, CA1, CA2, SP1, SP2, "SP3")}
        self.coap = {a: f"127.0.0.1:{free_port()}" for a in (CA1, CA2, SP1, SP2, "SP3")}
        self.servers, self.devices = {}, {}
        self.all_processes = []
        self.init_options = {}  # of CAs: further words for `init`
        self.serve_options = {}  # of actors: further words for `serve`
        self.allowed = []  # patterns of alarms that a test provokes

    # --- the folder ---------------------------------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in self.all_processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.all_processes:
            process.popen.wait()
        for _ in range(100):  # the members of a group end a moment after its leader
            left = [pid for process in self.all_processes for pid in group_members(process.pid)]
            if not left:
                break
            time.sleep(0.1)
        alarms = alarms_in(self.logs, self.allowed)
        if error is None and not left and not alarms:
            if self.keep:
                say(f"kept: {self.dir}")
            else:
                shutil.rmtree(self.dir, ignore_errors=True)
            return False
        say(f"all state is in {self.dir}")
        if kind is None:
            raise Failed("\n".join(alarms) or f"processes {left} survived")
        for alarm in alarms:
            say(f"in a log: {alarm}")
        return False

    def path(self, actor):
        return self.dir / self.actor(actor)

    def actor(self, actor):
        """In hierarchy d CA1 is CA2 as well."""
        return CA1 if actor == CA2 and self.hierarchy == "d" else actor

    # --- commands -----------------------------------------------------------------------------

    def run(self, *arguments, code=0, patience=120):
        """`cede ARGUMENTS`; checks the exit status."""
        words = [self.cede_path, *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=patience, preexec_fn=_in_child)
        if code is not None and done.returncode != code:
            raise Failed(f"'cede {' '.join(words[1:])}' ended with {done.returncode}, not {code}:\n"
                         f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
        check("Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr)
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)

    # --- making the actors --------------------------------------------------------------------

    def init_ca(self, actor):
        below = {"a": "", "b": CA1, "c": CA1 + CA2, "d": CA1}[self.hierarchy]
        common = ["ca", "init", "--dir", self.path(actor), "--name", actor, "--https",
                  self.https[actor]]
        if actor != PCA:
            common += ["--coap", self.coap[actor]]
        common += self.init_options.get(actor, [])
        if actor not in below:
            self.run(*common, "--kind", "permanent" if actor == PCA else "operational")
            return
        request, certificate = self.dir / f"{actor}.csr", self.dir / f"{actor}.crt"
        self.run(*common, "--kind", "operational", "--request-out", request)
        self.run("ca", "issue", "--dir", self.path(PCA), "--profile", "subca", "--in", request,
                 "--out", certificate)
        self.run("ca", "init", "--dir", self.path(actor), "--certificate", certificate, "--chain",
                 self.path(PCA) / "ca.pem")

    def init_sp(self, sp):
        self.run("sp", "init", "--dir", self.path(sp), "--name", sp, "--https", self.https[sp],
                 "--coap", self.coap[sp], "--poll", self.poll)

    def introduce(self, sp, ca, role="ca"):
        """The CA gets an account for the provider, the provider the CA as partner."""
        ca = self.actor(ca)
        self.run("ca", "account", "--dir", self.path(ca), "--name", sp, "--certificate",
                 self.path(sp) / "identity.pem")
        self.add_partner(sp, ca, role)

    def add_partner(self, sp, partner, role):
        file = "identity.pem" if role == "sp" else "ca.pem"
        self.run("sp", "partner", "--dir", self.path(sp), "--name", partner, "--role", role,
                 "--url", f"https://{self.https[partner]}", "--certificate",
                 self.path(partner) / file)

    def init(self):
        for ca in dict.fromkeys((PCA, CA1, self.actor(CA2))):
            self.init_ca(ca)
        for sp, ca in ((SP1, CA1), (SP2, CA2)):
            self.init_sp(sp)
            self.introduce(sp, PCA, "permanent-ca")
            self.introduce(sp, ca)
        self.add_partner(SP1, SP2, "sp")
        self.add_partner(SP2, SP1, "sp")

    # --- servers ------------------------------------------------------------------------------

    def actors(self):
        return list(dict.fromkeys((PCA, CA1, self.actor(CA2), SP1, SP2)))

    def start(self, actor, workers=None, wait=True):
        actor = self.actor(actor)
        check(actor not in self.servers, f"{actor} runs already")
        arguments = ["sp" if actor in (SP1, SP2) else "ca", "serve", "--dir", self.path(actor),
                     "--https", self.https[actor], "--workers", workers or self.workers]
        if actor != PCA:
            arguments += ["--coap", self.coap[actor]]
        arguments += self.serve_options.get(actor, [])
        process = Process([self.cede_path, *map(str, arguments)], self.logs / f"{actor}.log")
        self.all_processes.append(process)
        self.servers[actor] = process
        if wait:
            self.wait_ready(actor)

    def wait_ready(self, actor):
        process = self.servers[self.actor(actor)]

        def ready():
            check(process.alive(), f"{actor} ended:\n{process.text()[-2000:]}")
            pid = self.path(actor) / "pid"  # a killed server leaves its 'ready' behind
            return ((self.path(actor) / "ready").exists() and pid.exists()
                    and pid.read_text().strip() == str(process.pid))

        wait_until(f"{actor} is ready", ready, 60, 0.02)

    def start_all(self):
        for actor in self.actors():
            self.start(actor, wait=False)
        for actor in self.actors():
            self.wait_ready(actor)

    def kill(self, actor):
        self.servers.pop(self.actor(actor)).kill()

    def stop(self, actor):
        equal(self.servers.pop(self.actor(actor)).stop(), 0, f"exit status of {actor}")

    def restart(self, actor, down_s=0.0):
        """kill -9 of the whole group, a while of nothing, a new start."""
        self.kill(actor)
        time.sleep(down_s)
        self.start(actor)

    def stop_servers(self):
        for actor in list(self.servers):
            self.stop(actor)

    # --- devices ------------------------------------------------------------------------------

    def provision(self, count, *options):
        before = {path.stem for path in self.images.glob("*.image")}
        self.run("sp", "provision", "--dir", self.path(SP1), "--out", self.images, "--count", count,
                 "--poll", self.poll, "--retry", 200, "--retry-max", 3000, *options, patience=300)
        ids = sorted({path.stem for path in self.images.glob("*.image")} - before)
        equal(len(ids), count, "images made")
        return ids

    def image(self, device):
        return self.images / f"{device}.image"

    def start_device(self, device, image=None, name=None, prefix=(), options=()):
        name = name or device
        arguments = [self.cede_path, "device", "run", "--image", image or self.image(device),
                     "--stats", self.stats / f"{name}.json", *options]
        process = Process([str(a) for a in arguments], self.logs / f"device-{name}.log", prefix)
        self.all_processes.append(process)
        self.devices[name] = process
        return process

    def start_devices(self, ids, spread_s=0.0):
        """Spread over a time, their polls stay spread."""
        for device in ids:
            self.start_device(device)
            time.sleep(spread_s / len(ids))

    def kill_device(self, name):
        self.devices.pop(name).kill()

    def stop_devices(self):
        """All at once; each must end well."""
        for process in self.devices.values():
            process.popen.terminate()
        for name, process in self.devices.items():
            equal(process.popen.wait(20), 0, f"exit status of device {name}")
        self.devices.clear()

    def record(self, device, image=None):
        """What the image says: (state, seq, controller)."""
        text = self.run("inspect", image or self.image(device)).stdout
        state = re.search(r"^ *\d+, / state: (\S+) /$", text, re.M)
        seq = re.search(r"^ *(\d+), / seq /$", text, re.M)
        controller = re.search(r'^ *"([^"]*)", / name /$', text, re.M)
        check(state and seq and controller, f"image of {device} is unreadable:\n{text[:500]}")
        return state[1], int(seq[1]), controller[1]

    # --- looking ------------------------------------------------------------------------------

    def inventory(self, sp):
        return {d["id"]: d for d in
                self.json("sp", "devices", "--dir", self.path(sp))["devices"]}

    def count(self, sp, status):
        return self.json("sp", "devices", "--dir", self.path(sp),
                         "--counts")["counts"].get(status, 0)

    def transfers(self, sp):
        return {t["transfer"]: t for t in
                self.json("transfer", "status", "--dir", self.path(sp))["transfers"]}

    def state(self, sp, transfer):
        return self.transfers(sp).get(transfer, {}).get("state")

    def moves(self, sp, transfer):
        return self.transfers(sp)[transfer]["moves"]

    def certificates(self, ca, profile="device", status=None):
        lines = self.run("ca", "list", "--dir", self.path(ca), "--json").stdout.splitlines()
        every = [json.loads(line) for line in lines]
        return [c for c in every
                if c["profile"] == profile and (status is None or c["status"] == status)]

    def wait_count(self, sp, status, goal, patience=PATIENCE_S):
        """Fails when nothing has moved for that long."""
        seen, since = -1, time.monotonic()
        while True:
            now = self.count(sp, status)
            if now >= goal:
                return now
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > patience:
                raise Failed(f"{sp} has {now} devices {status}, not {goal}: "
                             f"{self.json('sp', 'devices', '--dir', self.path(sp), '--counts')}")
            time.sleep(0.1)

    def wait_state(self, sp, transfer, wanted, patience=PATIENCE_S):
        wait_until(f"transfer {wanted} at {sp}", lambda: self.state(sp, transfer) == wanted,
                   patience)

    # --- the story ----------------------------------------------------------------------------

    def open_fleet(self, count, spread_s=0.0):
        """Everybody at work, `count` devices operational under SP1."""
        self.init()
        self.start_all()
        ids = self.provision(count)
        self.start_devices(ids, spread_s)
        self.wait_count(SP1, "operational", count)
        return ids

    def offer(self, devices="all", latest=WINDOW_S, **options):
        words = [w for key, value in options.items() for w in (f"--{key}", value)]
        return self.run("transfer", "offer", "--dir", self.path(SP1), "--to", SP2, "--devices",
                        devices, "--latest", latest, *words).stdout.strip()

    def accept(self, transfer, code=0):
        return self.run("transfer", "accept", "--dir", self.path(SP2), "--id", transfer, "--ca",
                        self.actor(CA2), code=code)

    def start_transfer(self, transfer, code=0):
        return self.run("transfer", "start", "--dir", self.path(SP1), "--id", transfer, code=code)

    def agree(self, devices="all", latest=WINDOW_S, **options):
        """Offer, acceptance, start; returns the transfer's id."""
        transfer = self.offer(devices, latest, **options)
        self.wait_state(SP2, transfer, "offered")
        self.accept(transfer)
        self.wait_state(SP1, transfer, "signed")
        self.start_transfer(transfer)
        return transfer

    def check_moved(self, ids, transfer):
        """Every device is operational exactly once, under SP2, and everybody knows."""
        count = len(ids)
        self.wait_state(SP1, transfer, "complete")
        self.wait_state(SP2, transfer, "complete")
        equal(self.moves(SP1, transfer), {"done": count}, "moves at SP1")
        equal(self.moves(SP2, transfer), {"taken-over": count}, "moves at SP2")
        old, new = self.inventory(SP1), self.inventory(SP2)
        for device in ids:
            equal(old[device]["status"], "left", f"{device} at SP1")
            equal(new[device]["status"], "operational", f"{device} at SP2")
        wait_until("all old certificates are revoked", lambda: all(
            c["status"] == "revoked" for c in self.certificates(CA1)
            if c["account"] == SP1 and c["subject"] in ids), 60)
        wait_until("every device has its welcome", lambda: all(
            self.record(device)[0] == "operational" for device in ids), 60, 0.5)
        for device in ids:
            state, seq, controller = self.record(device)
            equal((state, controller), ("operational", SP2), f"image of {device}")
            check(seq >= 2, f"{device} has seq {seq}")
        live = [c["subject"] for c in self.certificates(CA2, status="live") if c["account"] == SP2
                and c["subject"] in ids]
        equal(sorted(live), sorted(ids), "live certificates at CA2")


def arguments_of(description, extra=None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cede", default=os.environ.get("CEDE", str(ROOT / "build" / "cede")),
                        help="the program to test")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a success, too")
    if extra:
        extra(parser)
    return parser.parse_args()


def _on_signal(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


def main(test, extra=None):
    """Runs `test(options)`; ends the process with 0 or 1."""
    signal.signal(signal.SIGTERM, _on_signal)
    options = arguments_of(sys.modules["__main__"].__doc__, extra)
    if not os.access(options.cede, os.X_OK):
        sys.exit(f"{options.cede} is not there; build it first")
    try:
        test(options)
    except (Failed, KeyboardInterrupt) as failure:
        say(f"FAILED: {failure}")
        sys.exit(1)
    except Exception:  # a mistake of the test itself: as bad
        traceback.print_exc()
        sys.exit(1)
    say("passed")
