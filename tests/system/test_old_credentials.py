# SPDX-License-Identifier: Apache-2.0
"""R6: what a device was under SP1 is worth nothing after the hand-over. Copies of the images, taken
before the first start and while operational under SP1, are brought to life afterwards: SP1 and CA1
refuse them, and nothing changes anywhere."""

import json
import re
import shutil
import time

import harness
from harness import CA1, CA2, SP1, SP2, World, check, equal, say

DEVICES = 4
# So short that a device renews its certificate at each start (after 3/4 of its life, which begins
# five minutes before it is issued), long enough for the test.
VALIDITY_S = 95
COPIES_LIVE_S = 8


def issue_short_certificates(world):
    path = world.path(CA1) / "policy.json"
    policy = json.loads(path.read_text())
    policy["profiles"]["device"]["validity_s"] = VALIDITY_S
    path.write_text(json.dumps(policy))


def copy_images(world, ids, kind):
    return {device: shutil.copy2(world.image(device), world.dir / f"{device}-{kind}.image")
            for device in ids}


def copy_operational(world, ids):
    """Images in which the device says that it is operational under SP1, at rest."""
    world.stop_devices()
    copies = copy_images(world, ids, "operational")
    for device in ids:
        equal(world.record(device, copies[device])[::2], ("operational", SP1), "the copy")
    world.start_devices(ids)
    return copies


def everything(world):
    """What providers and CAs know, without the time of the last contact."""
    inventories = [world.inventory(sp) for sp in (SP1, SP2)]
    for inventory in inventories:
        for device in inventory.values():
            device.pop("seen_at")
    certificates = [world.certificates(ca) for ca in (CA1, CA2)]
    return inventories, certificates, world.transfers(SP1), world.transfers(SP2)


def run_copies(world, copies, kind):
    """Lets the copies try for a while; returns what the servers said of it."""
    marks = {actor: len(world.servers[actor].text()) for actor in (SP1, CA1)}
    for device, image in copies.items():
        world.start_device(device, image=image, name=f"{device}-{kind}")
    time.sleep(COPIES_LIVE_S)
    for device in copies:
        copy = world.devices[f"{device}-{kind}"]
        check(copy.alive(), f"the copy of {device} ended:\n{copy.text()}")
        equal(world.devices.pop(f"{device}-{kind}").stop(), 0, f"exit status of {copy}")
    return {actor: world.servers[actor].text()[mark:] for actor, mark in marks.items()}


def check_tried_and_failed(world, device, kind):
    statistics = json.loads((world.stats / f"{device}-{kind}.json").read_text())
    check(statistics["failures"] >= 2, f"the copy of {device} did not try: {statistics}")


def check_refused(said, actor, device):
    check(re.search(f"refused '{device}'", said[actor]),
          f"{actor} does not tell that it refused {device}:\n{said[actor]}")


def test(options):
    with World(options.cede, keep=options.keep) as world:
        world.init()
        issue_short_certificates(world)
        world.start_all()
        ids = world.provision(DEVICES)
        newborn = copy_images(world, ids, "newborn")
        world.start_devices(ids)
        world.wait_count(SP1, "operational", DEVICES)
        time.sleep(2 * world.poll)  # SP1 knows them by reference
        copies = copy_operational(world, ids)
        world.wait_count(SP1, "operational", DEVICES)
        first = len(world.certificates(CA1))
        transfer = world.agree()
        world.wait_count(SP2, "operational", DEVICES)
        world.check_moved(ids, transfer)
        time.sleep(1)  # the deregistration at CA1
        before = everything(world)
        for certificate in before[1][0]:
            equal(certificate["status"], "revoked", f"certificate {certificate['serial']} of CA1")
        check(first >= 2 * DEVICES, "the devices did not renew their certificates: no real test")
        say(f"{first} certificates of CA1, all of them revoked")

        said = run_copies(world, copies, "operational")
        for device in ids:
            check_refused(said, SP1, device)
            check_refused(said, CA1, device)  # the renewal
            check_tried_and_failed(world, device, "operational")
            state, seq, controller = world.record(device, copies[device])
            equal((state, controller), ("operational", SP1), f"copy of {device}")
        equal(everything(world), before, "after the copies with operational certificates")
        say("copies with operational certificates are refused")

        said = run_copies(world, newborn, "newborn")
        for device in ids:
            check_refused(said, CA1, device)
            check_tried_and_failed(world, device, "newborn")
            state, seq, controller = world.record(device, newborn[device])
            check(state in ("factory", "enrolling"), f"newborn copy of {device} is {state}")
        equal(everything(world), before, "after the copies with factory certificates")
        say("copies with factory certificates are refused")

        for device in ids:
            equal(world.record(device)[::2], ("operational", SP2), device)
        world.stop_devices()
        world.stop_servers()


if __name__ == "__main__":
    harness.main(test)
