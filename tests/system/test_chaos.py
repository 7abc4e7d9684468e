# SPDX-License-Identifier: Apache-2.0
"""Rounds of a short window in which servers die at random and stay away for a while: some devices
move, some come back, some are never told. When everybody is up again, each device is operational
under exactly one provider, and providers, CAs and the device itself agree on which."""

import random
import time

import harness
from harness import CA1, CA2, SP1, SP2, World, check, equal, say

POLL_S = 4  # and devices start spread over it
LATEST_S = 12
AWAY_S = (0.1, 9.0)
AT_HOME = ("returned", "missed", "refused", "cancelled")


def storm(world, chance, transfer):
    """Until a little after the end of the window."""
    end = world.transfers(SP1)[transfer]["latest"] + 1
    away = {}  # actor -> when it comes back
    deaths = 0
    while time.time() < end:
        now = time.monotonic()
        for actor in [a for a, at in away.items() if at <= now]:
            del away[actor]
            world.start(actor, wait=False)
        here = [a for a in (CA1, CA2, SP1, SP2) if a not in away and a in world.servers]
        if here and chance.random() < 0.3:
            actor = chance.choice([*here, *(a for a in here if a in (CA2, SP2))])
            world.kill(actor)
            away[actor] = now + chance.uniform(*AWAY_S)
            deaths += 1
        if chance.random() < 0.5:
            device = chance.choice(sorted(world.devices))
            world.kill_device(device)
            world.start_device(device)
        time.sleep(chance.uniform(0.05, 0.4))
    for actor in away:
        world.start(actor, wait=False)
    for actor in (CA1, CA2, SP1, SP2):
        world.wait_ready(actor)
    return deaths


def check_one_home_each(world, ids, settled, transfer):
    """Returns the ids with SP1 and with SP2, the latter with those that had settled there."""
    world.wait_state(SP1, transfer, "complete", 180)
    # An offer that came after the window failed: SP1 had told nobody.
    harness.wait_until("SP2 is done", lambda: world.state(SP2, transfer) in ("complete", "failed"),
                       180)
    harness.wait_until("SP2 expects nobody", lambda: "expected" not in world.moves(SP2, transfer))
    out, came = world.moves(SP1, transfer), world.moves(SP2, transfer)
    if world.state(SP2, transfer) == "failed":
        equal(out, {"missed": len(ids)}, "moves of a transfer that failed")
    say(f"SP1: {out}; SP2: {came}")
    equal(sum(out.values()), len(ids), "moves at SP1")
    equal(set(out) - {"done", *AT_HOME}, set(), "open moves at SP1")
    equal(came.get("taken-over", 0), out.get("done", 0), "taken over at SP2")
    harness.wait_until("every device is at rest", lambda: all(
        world.record(device)[0] == "operational" for device in ids), 60, 0.5)
    time.sleep(1.5)  # what is on its way: revocations, deregistrations
    old, new = world.inventory(SP1), world.inventory(SP2)
    places = {SP1: [], SP2: list(settled)}
    for device in ids:
        controller = world.record(device)[2]
        places[controller].append(device)
        wanted = ("operational", ("given-back", None)) if controller == SP1 else \
            ("left", ("operational",))
        got = old[device]["status"], new[device]["status"] if device in new else None
        check(got[0] == wanted[0] and got[1] in wanted[1],
              f"{device} obeys {controller}; SP1 says {got[0]}, SP2 says {got[1]}")
    for ca, sp in ((CA1, SP1), (CA2, SP2)):
        harness.wait_until(f"{ca} knows the devices of {sp} and no others", lambda: sorted(
            c["subject"] for c in world.certificates(ca, status="live") if c["account"] == sp
        ) == sorted(places[sp]), 60, 0.5)
    return places


def test(options):
    seed = options.seed
    for number in range(options.worlds):
        chance = random.Random(seed + number)
        say(f"seed {seed + number}")
        with World(options.cede, hierarchy=chance.choice("abcd"), workers=chance.choice((1, 2)),
                   poll=POLL_S, keep=options.keep) as world:
            ids = world.open_fleet(options.devices, POLL_S)
            say(f"hierarchy {world.hierarchy}, {world.workers} worker(s)")
            settled = []
            for _ in range(options.rounds):
                transfer = world.agree(latest=LATEST_S)
                if chance.random() < 0.8:  # else it strikes while they still agree
                    world.wait_state(SP1, transfer, "ready")
                deaths = storm(world, chance, transfer)
                say(f"{deaths} servers have died")
                places = check_one_home_each(world, ids, settled, transfer)
                settled, ids = places[SP2], places[SP1]
                if not ids:
                    break
            if ids:
                say(f"and {len(ids)} in peace")
                transfer = world.agree()
                world.wait_count(SP2, "operational", options.devices)
                world.check_moved(ids, transfer)
            world.stop_devices()
            world.stop_servers()


def extra(parser):
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="storms for each fleet (1)")
    parser.add_argument("--worlds", type=int, default=1, help="fleets, one after the other (1)")


if __name__ == "__main__":
    harness.main(test, extra)
