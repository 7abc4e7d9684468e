# SPDX-License-Identifier: Apache-2.0
"""A device's whole way under valgrind: enrolment, hand-over, a life with SP2, an end by SIGTERM.
Another one is stopped in the middle and goes on. No error, no leak."""

import pathlib
import re
import shutil

import harness
from harness import SP1, SP2, World, check, equal, say

ERROR_EXIT = 9
VALGRIND = ("valgrind", f"--error-exitcode={ERROR_EXIT}", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible", "--track-fds=yes", "--quiet")


def stop_and_read(world, device):
    process = world.devices.pop(device)
    status = process.stop(60)
    report = "\n".join(line for line in process.text().splitlines() if line.startswith("=="))
    check(status == 0, f"{device} ended with {status}:\n{report}")
    opened = re.search(r"FILE DESCRIPTORS: (\d+) open \((\d+) std\)", report)
    if opened:
        equal(opened[1], opened[2], f"descriptors of {device} open at its end")
    return process


def test(options):
    if shutil.which("valgrind") is None:
        say("skipped: valgrind is not installed")
        return
    if b"__asan_init" in pathlib.Path(options.cede).read_bytes():
        say("skipped: AddressSanitizer and valgrind exclude each other")
        return
    with World(options.cede, keep=options.keep) as world:
        world.init()
        world.start_all()
        ids = world.provision(2)
        for device in ids:
            world.start_device(device, prefix=VALGRIND)
        world.wait_count(SP1, "operational", 2)
        say("enrolled")
        stop_and_read(world, ids[1])
        world.start_device(ids[1], prefix=VALGRIND)
        transfer = world.agree()
        world.wait_count(SP2, "operational", 2)
        world.check_moved(ids, transfer)
        say("handed over")
        for device in ids:
            stop_and_read(world, device)
        # The same for an image that is refused.
        path = world.image(ids[0])
        data = bytearray(path.read_bytes())
        for place in range(64, len(data), 512):
            data[place] ^= 1
        path.write_bytes(data)
        damaged = world.start_device(ids[0], name="damaged", prefix=VALGRIND)
        equal(damaged.popen.wait(60), 1, f"exit status with a damaged image:\n{damaged.text()}")
        world.stop_servers()


if __name__ == "__main__":
    harness.main(test)
