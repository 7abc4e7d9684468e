# SPDX-License-Identifier: Apache-2.0
"""A fleet whose keys agree on secrets and never sign: EDHOC methods 3 and 2, proofs of possession by
MAC, certificates by reference, through a whole hand-over."""

import json

import harness
from harness import CA1, CA2, PCA, SP1, SP2, World, check, equal, say

DEVICES = 4


def allow(world, ca, profile, usages):
    path = world.path(ca) / "policy.json"
    policy = json.loads(path.read_text())
    policy["profiles"][profile]["key_usage"] = usages
    path.write_text(json.dumps(policy))


def statistics(world, device):
    return json.loads((world.stats / f"{device}.json").read_text())


def test(options):
    with World(options.cede, keep=options.keep) as world:
        world.init()
        allow(world, PCA, "factory", ["keyAgreement"])
        for ca in (CA1, CA2):
            allow(world, ca, "device", ["digitalSignature", "keyAgreement"])
        world.start_all()
        ids = world.provision(DEVICES)
        for device in ids:
            world.start_device(device, options=("--by-reference",))
        world.wait_count(SP1, "operational", DEVICES)
        for device in ids:
            # EDHOC with static keys on both sides: MACs of 8 bytes instead of signatures.
            of = statistics(world, device)
            check(of["edhoc_message_2"] < 70, f"message_2 of {of['edhoc_message_2']} bytes")
            check(of["edhoc_message_3"] < 40, f"message_3 of {of['edhoc_message_3']} bytes")
            check(of["enrolment_request"] < 100, f"request of {of['enrolment_request']} bytes")
            equal(of["enrolment_answer"], 16, "multipart-core with one c5t")
        say("handed over, key for key")
        transfer = world.agree()
        world.wait_count(SP2, "operational", DEVICES)
        world.check_moved(ids, transfer)


if __name__ == "__main__":
    harness.main(test)
