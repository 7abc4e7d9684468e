# SPDX-License-Identifier: Apache-2.0
"""cede demo: every hierarchy of certification authorities, two workers a server, Ctrl-C."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from harness import check, equal, say

DEVICES = 6
ENROLMENT_BYTES_MAX = 650
ORDER_BYTES_MAX = 240


def folders():
    """The demonstrations' folders: in a temporary folder that is ours alone (TMPDIR)."""
    return set(glob.glob(os.environ["TMPDIR"] + "/cede-demo-*"))


def play(cede, hierarchy, workers, *more):
    say(f"hierarchy {hierarchy}, {workers} worker(s)")
    done = subprocess.run(
        [cede, "demo", "--devices", str(DEVICES), "--hierarchy", hierarchy, "--workers",
         str(workers), "--json", *more], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=180)
    equal(done.returncode, 0, f"exit status, after:\n{done.stderr}")
    equal(len(done.stdout.strip().splitlines()), 1, "lines on standard output")
    result = json.loads(done.stdout)
    for name in ("devices", "operational_sp1", "transferred", "operational_sp2",
                 "old_certs_revoked"):
        equal(result[name], DEVICES, name)
    for name in ("fallback", "lost"):
        equal(result[name], 0, name)
    sizes = result["bytes"]
    check(0 < sizes["enrolment_total"] <= ENROLMENT_BYTES_MAX, f"enrolment: {sizes}")
    check(0 < sizes["transfer_message"] <= ORDER_BYTES_MAX, f"transfer message: {sizes}")
    equal(folders(), set(), "folders left")


def play_and_keep(cede):
    """With --dir all state stays: what the actors logged can be looked at."""
    with tempfile.TemporaryDirectory(prefix="cede-system-") as parent:
        folder = pathlib.Path(parent) / "story"
        play(cede, "a", 1, "--dir", str(folder))
        equal(harness.alarms_in(folder / "logs"), [], "alarms in the logs")
        logs = {path.stem for path in (folder / "logs").iterdir()}
        check(logs >= {"PCA", "CA1", "CA2", "SP1", "SP2", "device-d00001"}, f"logs: {logs}")
        harness.wait_until("the end of its processes", lambda: not processes_with(str(folder)), 10)


def processes_with(text):
    """Processes whose command line holds the text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def folder_of(pid):
    """The demonstration's folder, from the command lines of its servers."""
    for child in harness.children_of(pid):
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            for word in words:
                if "/cede-demo-" in word:
                    head, _, tail = word.partition("/cede-demo-")
                    return f"{head}/cede-demo-{tail.split('/')[0]}"
    return None


def interrupt(cede, at_line, send):
    """Interrupts the demonstration once it has told of `at_line`; nothing may be left."""
    say(f"interrupted when it tells of '{at_line}'")
    with tempfile.TemporaryFile("w+") as told:
        demo = subprocess.Popen([cede, "demo", "--devices", str(DEVICES)], stderr=told,
                                stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                start_new_session=True)
        try:
            def text():
                return os.pread(told.fileno(), 100000, 0).decode()

            harness.wait_until(at_line, lambda: at_line in text(), 60, 0.005)
            folder = harness.wait_until("its folder", lambda: folder_of(demo.pid), 10, 0.005)
            send(demo)
            begun = time.monotonic()
            status = demo.wait(30)
            check(status != 0, "an interrupted demonstration ends with 0")
            check(time.monotonic() - begun < 10, "it takes more than ten seconds to stop")
            if status > 0:
                check("interrupted" in text(), f"it does not say so:\n{text()}")
                check(not os.path.exists(folder), f"{folder} is still there")
            harness.wait_until(f"the end of {processes_with(folder)}",
                               lambda: not processes_with(folder), 10)
            if status < 0:
                subprocess.run(["rm", "-r", folder], check=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)


def test(options):
    parent = tempfile.mkdtemp(prefix="cede-system-")
    os.environ["TMPDIR"] = parent
    run_all(options)
    shutil.rmtree(parent)  # a failure leaves it, with all logs


def run_all(options):
    for hierarchy, workers in (("a", 1), ("b", 1), ("c", 1), ("d", 1), ("b", 2)):
        play(options.cede, hierarchy, workers)
    play_and_keep(options.cede)
    # As a terminal does it: to the whole foreground group.
    interrupt(options.cede, "wake up", lambda demo: os.killpg(demo.pid, signal.SIGINT))
    interrupt(options.cede, "forget SP1", lambda demo: demo.send_signal(signal.SIGINT))
    interrupt(options.cede, "provisions", lambda demo: demo.send_signal(signal.SIGTERM))
    # Killed, it cannot tidy its folder; but no process may outlive it.
    interrupt(options.cede, "forget SP1", lambda demo: demo.kill())


if __name__ == "__main__":
    harness.main(test)
