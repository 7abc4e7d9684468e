# SPDX-License-Identifier: Apache-2.0
"""cede demo --profile x509 and mixed: DTLS and X.509, alone and beside the compact profile; images
of the wrong profile; workers that are killed."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import harness
from harness import check, equal, say

DEVICES = 10
# 2550 bytes, 3050 with a chain; under load flights of the handshake may be repeated.
ENROLMENT_BYTES_MAX = 5000
ORDER_BYTES_MAX = 260


def play(cede, *options):
    say(" ".join(options))
    done = subprocess.run([cede, "demo", "--devices", str(DEVICES), "--json", *options],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180)
    equal(done.returncode, 0, f"exit status, after:\n{done.stderr}")
    result = json.loads(done.stdout)
    for name in ("devices", "operational_sp1", "transferred", "operational_sp2",
                 "old_certs_revoked"):
        equal(result[name], DEVICES, name)
    for name in ("fallback", "lost"):
        equal(result[name], 0, name)
    return result


def check_x509(sizes):
    check(1000 < sizes["enrolment_total"] <= ENROLMENT_BYTES_MAX, f"enrolment: {sizes}")
    check(0 < sizes["transfer_message"] <= ORDER_BYTES_MAX, f"transfer message: {sizes}")
    check(sizes["handover_total"] > sizes["enrolment_total"], f"hand-over: {sizes}")
    equal(sizes["edhoc_1"], 0, "EDHOC where there is none")


def first_bytes(folder, pattern):
    found = sorted((folder / "artefacts").glob(pattern))
    check(found, f"no {pattern}")
    return {path.read_bytes()[:1] for path in found}


def play_x509_and_keep(cede):
    """With --dir all state stays: certificates are DER, and the trace shows DTLS."""
    with tempfile.TemporaryDirectory(prefix="cede-system-") as parent:
        folder = pathlib.Path(parent) / "story"
        result = play(cede, "--profile", "x509", "--dir", str(folder))
        equal(result["profile"], "x509", "profile")
        check_x509(result["bytes"])
        equal(harness.alarms_in(folder / "logs"), [], "alarms in the logs")
        equal(first_bytes(folder, "*.factory.der"), {b"\x30"}, "factory certificates")
        equal(first_bytes(folder, "*.operational-sp2.der"), {b"\x30"}, "operational certificates")
        records = sorted((folder / "trace-d00001").glob("*.dtls"))
        check(len(records) > 20, f"{len(records)} datagrams traced")
        # A ClientHello first; records are DTLS 1.x throughout.
        equal(records[0].read_bytes()[0], 22, "content type of the first record")
        for path in records:
            equal(path.read_bytes()[1], 0xfe, f"version in {path.name}")
        wrong_profile(cede, folder / "devices" / "d00001.image")


def supervisor_of(demo, folder, name):
    """The server's first process among the demonstration's children."""
    for child in harness.children_of(demo.pid):
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            if str(folder / name) in words:
                return child
    return None


def kill_worker(demo, folder, name):
    """Its DTLS sessions are gone with it; devices notice by its silence."""
    supervisor = harness.wait_until(name, lambda: supervisor_of(demo, folder, name), 10, 0.01)
    os.kill(harness.children_of(supervisor)[0], signal.SIGKILL)


def play_with_kills(cede):
    """Workers of SP1, CA2 and SP2 die while devices change hands; none is lost."""
    say("workers are killed")
    with tempfile.TemporaryDirectory(prefix="cede-system-") as parent, \
            tempfile.TemporaryFile("w+") as told:
        folder = pathlib.Path(parent) / "story"
        demo = subprocess.Popen([cede, "demo", "--profile", "x509", "--devices", str(3 * DEVICES),
                                 "--json", "--dir", str(folder)], stdout=subprocess.PIPE,
                                stderr=told, text=True, stdin=subprocess.DEVNULL)
        try:
            for line, name in (("shares the device list", "SP1"), ("forget SP1", "CA2"),
                               ("forget SP1", "SP2")):
                harness.wait_until(line, lambda: line in os.pread(told.fileno(), 100000,
                                                                  0).decode(), 60, 0.005)
                kill_worker(demo, folder, name)
            out, _ = demo.communicate(timeout=180)
        finally:
            demo.kill()
        text = os.pread(told.fileno(), 100000, 0).decode()
        equal(demo.returncode, 0, f"exit status, after:\n{text}")
        result = json.loads(out)
        for name in ("operational_sp2", "old_certs_revoked"):
            equal(result[name], 3 * DEVICES, name)
        equal(result["lost"], 0, "lost")


def wrong_profile(cede, image):
    """A process that is to run compact devices only does not run this one."""
    done = subprocess.run([cede, "device", "run", "--profile", "compact", "--image", str(image)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    equal(done.returncode, 1, "exit status for an image of the other profile")
    check("another profile" in done.stderr, f"it does not say so: {done.stderr}")


def test(options):
    parent = tempfile.mkdtemp(prefix="cede-system-")
    os.environ["TMPDIR"] = parent
    play_x509_and_keep(options.cede)
    play_with_kills(options.cede)
    check_x509(play(options.cede, "--profile", "x509", "--hierarchy", "c", "--workers",
                    "2")["bytes"])
    result = play(options.cede, "--profile", "mixed", "--hierarchy", "d")
    equal(result["profile"], "mixed", "profile")
    check_x509(result["profiles"]["x509"]["bytes"])
    for name in ("compact", "x509"):
        equal(result["profiles"][name]["devices"], DEVICES // 2, name)
    compact = result["profiles"]["compact"]["bytes"]
    check(0 < compact["edhoc_1"] < 60, f"EDHOC: {compact}")
    check(compact["enrolment_total"] < result["profiles"]["x509"]["bytes"]["enrolment_total"],
          "the compact profile is no smaller")
    shutil.rmtree(parent)  # a failure leaves it, with all logs


if __name__ == "__main__":
    harness.main(test)
