# SPDX-License-Identifier: Apache-2.0
"""What `cede bench enrol`, `revoke` and `overhead` print for programs, and what they refuse. How fast
anything is depends on the machine and is not tested."""

import json
import math
import os
import pathlib
import subprocess
import tempfile

import harness
from harness import check, equal, say

DOORS = ("https", "dtls", "oscore")
FLEET = 2800  # the fewest devices `bench enrol` takes
CERTIFICATES = 1000  # likewise `bench revoke`


def bench(cede, *words, code=0):
    done = subprocess.run([cede, "bench", *map(str, words)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=240)
    equal(done.returncode, code, f"bench {words}: {done.stderr}")
    return done.stdout if code == 0 else done.stderr


def no_more(constant):
    raise ValueError(constant)


def results(cede, *words):
    """The array, each of its objects with the four members and nothing else."""
    array = json.loads(bench(cede, *words, "--json"), parse_constant=no_more)  # no NaN, no Infinity
    check(isinstance(array, list) and array, f"{words}: {array}")
    for result in array:
        equal(list(result), ["name", "rate", "floor", "ratio"], f"members of {result}")
        check(isinstance(result["name"], str) and result["name"], result)
        for member in ("rate", "floor", "ratio"):
            number = result[member]
            check(isinstance(number, float) and number > 0 and math.isfinite(number), result)
        # rate and floor are printed with one digit behind the point, so small ones are coarse
        given = result["rate"] / result["floor"]
        slack = given * (0.06 / result["rate"] + 0.06 / result["floor"]) + 1e-6
        check(abs(given - result["ratio"]) <= slack, f"the ratio is another one: {result}")
    names = [result["name"] for result in array]
    equal(len(set(names)), len(names), f"names {names}")
    return names


def enrol(cede):
    say("bench enrol")
    for door in DOORS:
        names = results(cede, "enrol", "--door", door, "--devices", FLEET)
        for kind in ("fresh", "kept"):
            check(any(kind in name for name in names), f"no line of {kind} connections: {names}")
        for other in DOORS:
            check(other == door or not any(other in name for name in names), names)


def revoke(cede):
    say("bench revoke")
    names = results(cede, "revoke", "--certificates", CERTIFICATES)
    for what in ("revocation", "start-up"):
        check(any(what in name for name in names), f"no line of the {what}: {names}")


def overhead(cede):
    """Not rates but sizes: an object a phase, both profiles side by side."""
    say("bench overhead")
    phases = json.loads(bench(cede, "overhead", "--devices", 2, "--json"))
    check(len(phases) >= 5, phases)
    for phase in phases:
        equal(list(phase), ["phase", "compact", "x509"], f"members of {phase}")
        for profile in ("compact", "x509"):
            equal(list(phase[profile]), ["bytes", "round_trips"], f"members of {phase}")
            check(all(number >= 0 for number in phase[profile].values()), phase)
    whole = phases[-1]
    check("in all" in whole["phase"], whole)
    check(0 < whole["compact"]["bytes"] < whole["x509"]["bytes"], "the compact profile is no smaller")


def refusals(cede):
    say("what is refused")
    for words in (("enrol", "--door", "http"), ("enrol", "--devices", FLEET - 1),
                  ("enrol", "--devices", "many"), ("revoke", "--certificates", CERTIFICATES - 1),
                  ("overhead", "--devices", 1), ("overhead", "word")):
        check("cede: " in bench(cede, *words, code=2), f"{words}")


def test(options):
    with tempfile.TemporaryDirectory(prefix="cede-system-") as folder:
        os.environ["TMPDIR"] = folder
        refusals(options.cede)
        overhead(options.cede)
        revoke(options.cede)
        enrol(options.cede)
        equal(list(pathlib.Path(folder).iterdir()), [], "what the benchmarks leave behind")


if __name__ == "__main__":
    harness.main(test)
