# SPDX-License-Identifier: Apache-2.0
"""Power cuts: every server, single worker processes and devices are killed in the middle of a
hand-over and come back; at the end every device is operational exactly once, under SP2."""

import os
import signal
import time

import harness
from harness import CA1, CA2, SP1, SP2, World, check, say


POLL_S = 4  # and devices start spread over it, so that a hand-over takes as long


def members(world, actor):
    """The processes below a server's supervisor: workers first, then helpers."""
    return harness.children_of(world.servers[actor].pid)


def kill_child(world, actor, number):
    """One process of a server alone; its supervisor starts another."""
    children = members(world, actor)
    victim = children[number]
    os.kill(victim, signal.SIGKILL)
    harness.wait_until(f"{actor} has all its processes again",
                       lambda: victim not in members(world, actor) and
                       len(members(world, actor)) == len(children), 20)


def sent_at_least(world, transfer, share, count):
    """Waits until that share of the devices has been told, so that we kill in the middle."""
    def told():
        moves = world.moves(SP1, transfer)
        return count - moves.get("planned", 0) - moves.get("ready", 0) >= share * count

    harness.wait_until(f"{share:.0%} of the devices have been told", told, 60, 0.01)


def taken_over(world):
    return world.count(SP2, "operational")


def servers_die(options):
    """The whole server, at each step of the agreement and several times in the hand-over."""
    count = options.devices
    say(f"{count} devices; whole servers die")
    with World(options.cede, workers=2, poll=POLL_S, keep=options.keep) as world:
        ids = world.open_fleet(count, POLL_S)
        # In the agreement: what one command has written must survive on its own.
        transfer = world.offer()
        world.restart(SP1)
        world.wait_state(SP2, transfer, "offered")
        world.restart(SP2)
        world.kill(SP1)
        world.accept(transfer)
        world.restart(SP2)
        world.start(SP1)
        world.wait_state(SP1, transfer, "signed")
        world.kill(CA2)
        world.start_transfer(transfer)
        world.restart(SP1)
        world.start(CA2)
        # In the hand-over. Killed by the share that was told, not by time.
        for share, actor, down_s in ((0.1, SP1, 0.3), (0.2, CA2, 0.5), (0.35, SP2, 0.5),
                                     (0.5, CA1, 0.5), (0.6, SP1, 1.0), (0.7, SP2, 0.0),
                                     (0.8, CA2, 0.0)):
            sent_at_least(world, transfer, share, count)
            say(f"{actor} dies with {taken_over(world)} of {count} taken over")
            world.restart(actor, down_s)
        world.wait_count(SP2, "operational", count)
        world.check_moved(ids, transfer)
        say("every device is with SP2, every old certificate revoked")
        world.stop_devices()
        world.stop_servers()


def processes_die(options):
    """One process of a server alone, all kinds of them, and devices."""
    count = options.devices
    say(f"{count} devices; single processes and devices die")
    with World(options.cede, workers=2, poll=POLL_S, keep=options.keep) as world:
        world.init()
        world.start_all()
        ids = world.provision(count)
        # While they enrol: a worker and the signer of the CA, a worker of the provider.
        third = count // 3
        for part, actor, number in ((ids[:third], CA1, 0), (ids[third:2 * third], CA1, 2),
                                    (ids[2 * third:], SP1, 1)):
            world.start_devices(part, POLL_S / 3)
            kill_child(world, actor, number)
        world.wait_count(SP1, "operational", count)
        transfer = world.agree()
        sent_at_least(world, transfer, 0.05, count)
        kills = [(SP1, 0), (SP1, 2), (SP1, 3), (CA2, 1), (CA2, 2), (SP2, 0), (SP2, 2), (SP2, 3),
                 (CA1, 1), (CA1, 2)]
        victims = iter(ids[::3])
        for actor, number in kills:
            say(f"process {number} of {actor} dies with {taken_over(world)} of {count} taken over")
            kill_child(world, actor, number)
            device = next(victims, None)
            if device is not None:
                world.kill_device(device)
                world.start_device(device)
        for device in ids[1::4]:
            world.kill_device(device)
        time.sleep(0.5)
        for device in ids[1::4]:
            world.start_device(device)
        world.wait_count(SP2, "operational", count)
        world.check_moved(ids, transfer)
        for name, process in world.devices.items():
            check(process.alive(), f"device {name} has ended:\n{process.text()[-500:]}")
        say("every device is with SP2, every old certificate revoked")


def test(options):
    if options.only in (None, "servers"):
        servers_die(options)
    if options.only in (None, "processes"):
        processes_die(options)


def extra(parser):
    parser.add_argument("--devices", type=int, default=50, help="fewer for a quick run (50)")
    parser.add_argument("--only", choices=("servers", "processes"))


if __name__ == "__main__":
    harness.main(test, extra)
