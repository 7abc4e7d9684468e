# SPDX-License-Identifier: Apache-2.0
"""R8: a hand-over that cannot be finished. CA2, then SP2's update server are gone for the whole
window: the devices come back to SP1 by their factory credential, enrol anew at CA1, and SP2 and CA2
drop them. A later transfer moves them after all."""

import time

import harness
from harness import CA1, CA2, SP1, SP2, World, check, equal, say

DEVICES = 6
EARLIEST_S = 4  # time to agree and to switch off whatever shall be missing
LATEST_S = 12
ORDERS = 2  # a transfer uses two numbers for each device: trust update, transfer message


def fail_to_hand_over(world, ids, transfer):
    """Waits until all are home again and everybody on SP1's side agrees on it."""
    world.wait_state(SP1, transfer, "complete")
    equal(world.moves(SP1, transfer), {"returned": len(ids)}, "moves at SP1")
    for device, known in world.inventory(SP1).items():
        equal(known["status"], "operational", f"{device} at SP1")
    harness.wait_until("the devices rest", lambda: all(
        world.record(device)[::2] == ("operational", SP1) for device in ids), 20, 0.5)


def check_dropped(world, ids, transfer):
    """SP2 has heard of it, and so has CA2."""
    world.wait_state(SP2, transfer, "complete")
    equal(world.moves(SP2, transfer), {"dropped": len(ids)}, "moves at SP2")
    for device, known in world.inventory(SP2).items():
        equal(known["status"], "given-back", f"{device} at SP2")
    harness.wait_until("nothing lives at CA2", lambda: not world.certificates(CA2, status="live"),
                       60)


def check_home(world, ids, rounds):
    """A device at home has one live certificate, newer than those that were revoked."""
    for device in ids:
        mine = [c for c in world.certificates(CA1) if c["subject"] == device]
        equal([c["status"] for c in mine], ["revoked"] * rounds + ["live"],
              f"certificates of {device} at CA1")
        known = world.inventory(SP1)[device]
        equal(known["serial"], mine[-1]["serial"], f"serial of {device} at SP1")
        equal(world.record(device)[1], ORDERS * rounds, f"seq of {device}")


def states_seen(world, device):
    return [line.split()[1] for line in world.devices[device].text().splitlines()
            if line.startswith(f"{device}: ")]


def test(options):
    with World(options.cede, keep=options.keep) as world:
        ids = world.open_fleet(DEVICES)

        say("CA2 is away for the whole window")
        transfer = world.agree(latest=LATEST_S, earliest=EARLIEST_S)
        world.wait_state(SP1, transfer, "ready")
        world.kill(CA2)
        world.wait_count(SP1, "leaving", DEVICES)
        say("all devices have accepted and cannot join")
        fail_to_hand_over(world, ids, transfer)
        for device in ids:
            seen = states_seen(world, device)
            check(seen[-3:] == ["fallback", "homing", "operational"], f"{device} was {seen}")
        world.start(CA2)
        check_dropped(world, ids, transfer)
        check_home(world, ids, 1)
        equal(world.certificates(CA2), [], "certificates for devices at CA2")
        say("all devices are home, SP2 and CA2 have dropped them")

        say("SP2 is away from the moment the devices are told")
        transfer = world.agree(latest=LATEST_S, earliest=EARLIEST_S)
        world.wait_state(SP1, transfer, "ready")
        world.kill(SP2)
        harness.wait_until("all devices have joined CA2", lambda: len(
            world.certificates(CA2, status="live")) == DEVICES, 60)
        say("all devices have joined CA2 and find no SP2")
        fail_to_hand_over(world, ids, transfer)
        check_home(world, ids, 2)
        world.start(SP2)
        check_dropped(world, ids, transfer)
        equal(len(world.certificates(CA2, status="revoked")), DEVICES, "revoked at CA2")
        say("all devices are home, SP2 and CA2 have dropped them")

        say("the third transfer finds everybody at home")
        begun = time.monotonic()
        transfer = world.agree()
        world.wait_count(SP2, "operational", DEVICES)
        world.check_moved(ids, transfer)
        for device in ids:
            equal(world.record(device)[1], 3 * ORDERS, f"seq of {device}")
        say(f"all moved, {time.monotonic() - begun:.1f} s")
        world.stop_devices()
        world.stop_servers()


if __name__ == "__main__":
    harness.main(test)
