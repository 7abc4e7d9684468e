# SPDX-License-Identifier: Apache-2.0
"""R7: nobody moves a device alone. Decisions out of turn, by strangers, with documents of others or
with nonsense in them are refused, and change nothing."""

import contextlib
import os
import sqlite3

import harness
import partner
from harness import CA1, CA2, PCA, SP1, SP2, World, check, equal, say

DEVICES = 3
SP3 = "SP3"
UNKNOWN = "00112233445566778899aabbccddeeff"


def outcome(world):
    """All that a decision could change."""
    return ([{i: (d["status"], d["seq"]) for i, d in world.inventory(sp).items()}
             for sp in (SP1, SP2)], world.transfers(SP1), world.transfers(SP2),
            world.certificates(CA1), world.certificates(CA2))


def refused(world, *arguments, code=1, says=None):
    before = outcome(world)
    done = world.run(*arguments, code=code)
    check(done.stderr.startswith("cede: "), f"no reason on standard error: {done.stderr!r}")
    if says:
        check(says in done.stderr, f"'{says}' is not in: {done.stderr}")
    equal(outcome(world), before, f"after 'cede {' '.join(map(str, arguments))}'")


def transfer_command(world, verb, sp, transfer, *more):
    return ("transfer", verb, "--dir", world.path(sp), "--id", transfer, *more)


def commands_out_of_turn(world):
    say("decisions out of turn")
    offer = ("transfer", "offer", "--dir", world.path(SP1))
    refused(world, *offer, "--to", "nobody", says="no partner")
    refused(world, *offer, "--to", CA1, says="no partner")
    refused(world, *offer, "--to", SP2, "--devices", "d99999", says="not in the inventory")
    refused(world, *offer, "--to", SP2, "--devices", "d00001,d00001", says="twice")
    refused(world, *offer, "--to", SP2, "--devices", "@/nonexistent")
    refused(world, *offer, "--to", SP2, "--devices", "@/dev/null", says="holds no device id")
    refused(world, *offer, "--to", SP2, "--devices", "")
    refused(world, *offer, "--to", SP2, "--devices", ",,")
    refused(world, *offer, "--to", SP2, "--latest", "0", code=2)
    for verb, sp, more in (("accept", SP2, ("--ca", CA2)), ("start", SP1, ()), ("cancel", SP1, ())):
        refused(world, *transfer_command(world, verb, sp, UNKNOWN, *more))
        refused(world, *transfer_command(world, verb, sp, "xyz", *more), code=2)
        refused(world, *transfer_command(world, verb, sp, UNKNOWN[:-2], *more), code=2)

    transfer = world.offer()
    world.wait_state(SP2, transfer, "offered")
    refused(world, *transfer_command(world, "start", SP1, transfer), says="cannot start now")
    refused(world, *transfer_command(world, "start", SP2, transfer))
    refused(world, *transfer_command(world, "accept", SP1, transfer, "--ca", CA1))
    refused(world, *transfer_command(world, "accept", SP2, transfer, "--ca", "nobody"))
    refused(world, *transfer_command(world, "accept", SP2, transfer, "--ca", PCA))
    refused(world, *offer, "--to", SP2, says="no operational device is free")
    say("called off before it began")
    world.run(*transfer_command(world, "cancel", SP1, transfer))
    equal(world.state(SP1, transfer), "cancelled", "state at SP1")
    harness.wait_until("the moves are called off too",
                       lambda: world.moves(SP1, transfer) == {"cancelled": DEVICES})
    world.accept(transfer)  # SP2 alone goes on: nobody follows
    refused(world, *transfer_command(world, "start", SP1, transfer), says="cannot start now")
    equal({d["status"] for d in world.inventory(SP1).values()}, {"operational"}, "devices at SP1")
    equal(world.inventory(SP2), {}, "devices at SP2")


def called_off_before_the_window(world, ids):
    say("called off when all is agreed but no device was told")
    transfer = world.agree(earliest=300, latest=600)
    harness.wait_until("the orders are signed",
                       lambda: world.moves(SP1, transfer) == {"ready": DEVICES})
    refused(world, *transfer_command(world, "start", SP1, transfer), says="cannot start now")
    refused(world, *transfer_command(world, "accept", SP2, transfer, "--ca", CA2))
    world.run(*transfer_command(world, "cancel", SP1, transfer))
    harness.wait_until("SP2 has heard of it",
                       lambda: world.moves(SP2, transfer) == {"dropped": DEVICES})
    equal(world.moves(SP1, transfer), {"cancelled": DEVICES}, "moves at SP1")
    for device in ids:
        equal(world.record(device), ("operational", 0, SP1), f"image of {device}")
    equal({d["status"] for d in world.inventory(SP2).values()}, {"given-back"}, "devices at SP2")


def strangers(world):
    say("strangers at the doors")
    for server in (PCA, CA1, CA2, SP1, SP2):
        partner.expect_no_entry(world, server, SP3)
        partner.expect_no_entry(world, server, None)
    for ca, sp in ((CA1, SP1), (CA2, SP2), (PCA, SP1)):
        partner.expect_no_entry(world, sp, ca)  # pinned, but a CA has nothing to ask a provider
    partner.expect_no_entry(world, CA2, SP1)  # has no account there
    partner.expect_no_entry(world, SP2, CA1)  # whose TLS certificate SP2 has no reason to know
    world.run("transfer", "offer", "--dir", world.path(SP3), "--to", SP2, code=1)


def outbox(world, sp):
    """Bodies of the messages a provider has sent: what a thief would have."""
    uri = f"file:{world.path(sp)}/store.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as store:
        return [row for row in store.execute(
            "SELECT path, content_type, body FROM outbox WHERE body IS NOT NULL")]


def documents_of_others(world):
    """SP3 becomes a partner of everybody: what others have signed is of no use to it; and what a
    partner sends once more changes nothing."""
    say("documents of others")
    for sp in (SP1, SP2):
        world.add_partner(sp, SP3, "sp")
    for ca in (CA1, CA2):
        world.run("ca", "account", "--dir", world.path(ca), "--name", SP3, "--certificate",
                  world.path(SP3) / "identity.pem")
    before = outcome(world)
    own = {"/v1/contracts", "/v1/device-updates", "/v1/transfer-offers", "/v1/receipts",
           "/v1/notices"}
    shown = set()
    for sender, receiver in ((SP1, SP2), (SP2, SP1)):
        for path, kind, body in outbox(world, sender):
            if path in own:
                shown.add(path)
                partner.expect_error(world, receiver, SP3, "POST", path, body, kind)
                # Nor can its receiver show it to the sender, nor anybody to a third.
                partner.expect_error(world, sender, SP3, "POST", path, body, kind)
                partner.expect_error(world, sender, receiver, "POST", path, body[:-1], kind)
                status = partner.ask(world, receiver, sender, "POST", path, body, kind)[0]
                check(status == 202 or 400 <= status < 500, f"{path} again is answered {status}")
    check(shown >= own - {"/v1/receipts"}, f"only {shown} were tried")
    equal(outcome(world), before, "after documents of others")
    uri = f"file:{world.path(SP1)}/store.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as store:
        raw = store.execute("SELECT factory_certificate FROM devices").fetchone()[0]
    bag = bytes([0x58, len(raw)]) + raw if len(raw) < 256 else b"\x59" + \
        len(raw).to_bytes(2, "big") + raw
    status, error = partner.expect_error(world, CA1, SP3, "POST", "/v1/registrations", bag,
                                         "application/cbor")
    equal(status, 409, f"registering a device of another account: {error}")
    partner.expect_error(world, CA1, SP3, "POST",
                         f"/v1/registrations?transfer={UNKNOWN}", bag, "application/cbor")
    serial = next(c["serial"] for c in world.certificates(CA1, status="live"))
    partner.expect_error(world, CA1, SP3, "POST", "/v1/revocations",
                         b'{"serials":["%s"],"reason":1}' % serial.encode(), "application/json")
    equal(outcome(world), before, "after registering and revoking what is another's")


NONSENSE = [b"", b"\x00", b"{}", b"[]", b"null", b'{"serials":[]}', b'{"serials":["zz"]}',
            b'{"serials":["00"],"reason":77}', b'{"a":' * 2000, b"[" * 5000, b"\x80", b"\x81\x80",
            b"\x81\x40", b"\x9f\xff", b"\x81\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xd2\x84",
            b"\x81" * 4000, b"\x83\x50" + bytes(16) + b"\x40\x40",
            b'{"payload":"","signatures":[]}', b'{"payload":"e30","signatures":[{}]}',
            b'{"payload":"e30","protected":"e30","signature":"AA"}', os.urandom(500)]

SP_ROUTES = [("/v1/contracts", "application/jose+json"),
             ("/v1/device-updates", "application/jose+json"),
             ("/v1/transfer-offers", "application/cbor"), ("/v1/receipts", "application/cwt"),
             ("/v1/notices", "application/cwt")]
LONG = {"/v1/contracts": 100 << 10, "/v1/device-updates": (4 << 20) + 1, "/v1/transfer-offers": 100 << 10,
        "/v1/receipts": 300 << 10, "/v1/notices": 300 << 10}
CA_ROUTES = [("/v1/factory-certificates", "application/cbor"),
             ("/v1/server-certificates", "application/pkcs10"),
             ("/v1/registrations", "application/cbor"), ("/v1/releases", "application/jose+json"),
             ("/v1/deregistrations", "application/cbor"),
             ("/v1/revocations", "application/json")]


def nonsense(world):
    say("nonsense in every kind of message")
    before = outcome(world)
    workers = {a: harness.children_of(world.servers[a].pid) for a in (SP1, CA1)}
    for body in NONSENSE:
        for path, kind in SP_ROUTES:
            partner.expect_error(world, SP1, SP2, "POST", path, body, kind)
        for path, kind in CA_ROUTES:
            partner.expect_error(world, CA1, SP1, "POST", path, body, kind)
    for path, kind in SP_ROUTES:
        partner.expect_error(world, SP1, SP2, "POST", path, b"x", "text/plain", codes=[415])
        partner.expect_error(world, SP1, SP2, "GET", path, codes=[405])
        partner.expect_error(world, SP1, SP2, "DELETE", path, codes=[405])
        partner.expect_error(world, SP1, SP2, "POST", path, bytes(LONG[path]), kind, codes=[413])
    for path in ("/", "/v1", "/v1/contracts/", "/v2/contracts", "/../ca.key", "/%00"):
        partner.expect_error(world, SP1, SP2, "GET", path, codes=[400, 404])
        partner.expect_error(world, CA1, SP1, "GET", path, codes=[400, 404])
    for since in ("x", "-1", "", "1x"):
        partner.expect_error(world, CA1, SP1, "GET", f"/v1/revoked?since={since}", codes=[400])
    equal(outcome(world), before, "after nonsense")
    equal(partner.ask(world, CA1, SP1, "GET", "/v1/anchors")[0], 200, "anchors of CA1")
    for actor, pids in workers.items():
        equal(harness.children_of(world.servers[actor].pid), pids, f"processes of {actor}")


def test(options):
    with World(options.cede, keep=options.keep) as world:
        ids = world.open_fleet(DEVICES)
        world.init_sp(SP3)
        strangers(world)
        commands_out_of_turn(world)
        called_off_before_the_window(world, ids)
        documents_of_others(world)
        nonsense(world)
        say("and together they can")
        transfer = world.agree()
        world.wait_count(SP2, "operational", DEVICES)
        world.check_moved(ids, transfer)
        refused(world, *transfer_command(world, "cancel", SP1, transfer))
        refused(world, *transfer_command(world, "accept", SP2, transfer, "--ca", CA2))
        world.stop_devices()
        world.stop_servers()


if __name__ == "__main__":
    harness.main(test)
