# SPDX-License-Identifier: Apache-2.0
"""Private keys of servers (R10): encrypted at rest, in a token, and only in the memory of the process
that signs with them. A whole hand-over with keys that are all three."""

import base64
import os
import pathlib
import re
import subprocess

import harness
from harness import CA1, CA2, PCA, SP1, SP2, World, check, equal, say

DEVICES = 3
MODULE = "/usr/lib/softhsm/libsofthsm2.so"


class KeysWorld(World):
    """CA1's key and SP1's identity are in a token, the others in encrypted files."""

    def prepare(self):
        tokens = self.dir / "tokens"
        tokens.mkdir(mode=0o700)
        config = self.dir / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(config)
        self.pin = self.dir / "pin"
        self.password = self.dir / "password"
        for path, text in ((self.pin, "4321\n"), (self.password, "three words here\n")):
            path.write_text(text)
            path.chmod(0o600)
        os.environ["CEDE_PASSWORD_FILE"] = str(self.password)
        tool("softhsm2-util", "--init-token", "--free", "--label", "cede", "--so-pin", "12345678",
             "--pin", "4321")
        for number, name in ((1, "ca1"), (2, "sp1")):
            key = self.dir / f"{name}.pem"
            tool("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-out", key)
            tool("softhsm2-util", "--import", key, "--token", "cede", "--pin", "4321", "--label",
                 name, "--id", f"0{number}")
            key.unlink()

    def uri(self, name):
        return (f"pkcs11:token=cede;object={name};type=private?module-path={MODULE}"
                f"&pin-source=file:{self.pin}")

    def run(self, *arguments, **options):
        """`--key` for the two whose keys are in the token."""
        words = list(arguments)
        if words[1:2] == ["init"]:
            for actor, name in ((CA1, "ca1"), (SP1, "sp1")):
                if self.path(actor) in words and "--name" in words:
                    words += ["--key", self.uri(name)]
        return super().run(*words, **options)


def tool(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    check(done.returncode == 0, f"{arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def scalar_of(key_file):
    """The 32 bytes of a P-256 private key in a plain PKCS #8 file."""
    text = tool("openssl", "pkey", "-in", key_file, "-noout", "-text")
    number = re.search(r"priv:\s*((?:[0-9a-f]{2}[:\s]*)+)pub:", text)[1]
    return bytes.fromhex(re.sub(r"[:\s]", "", number)).rjust(32, b"\0")[-32:]


def memory_holds(pid, forms):
    """Whether the readable memory of a process holds one of the byte strings."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ (\d+)", line)
            begin, end = (int(match[1], 16), int(match[2], 16)) if match else (0, 0)
            if end - begin == 0 or end - begin > 1 << 30:
                continue
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            if any(form in content for form in forms):
                return True
    return False


def forms_of(key_file):
    """As bytes, as the words OpenSSL computes with, and as the text of the file."""
    scalar = scalar_of(key_file)
    body = "".join(line for line in pathlib.Path(key_file).read_text().split("\n")
                   if line and not line.startswith("-"))
    check(scalar in base64.b64decode(body), "the scalar is in the file")
    return scalar, scalar[::-1], body[40:64].encode()


def holders(world, actor, key):
    """How many processes of a server hold the key."""
    pids = [world.servers[actor].pid, *harness.children_of(world.servers[actor].pid)]
    check(len(pids) >= 4, f"{actor} has only {len(pids)} processes")
    forms = forms_of(world.path(actor) / key)
    return sum(memory_holds(pid, forms) for pid in pids)


def one_process_has_the_key(options):
    say("R10: one process of a server holds the key that counts")
    with World(options.cede, workers=2) as world:
        ids = world.open_fleet(DEVICES)
        equal(holders(world, CA1, "ca.key"), 1, "processes with CA1's key")
        equal(holders(world, SP1, "identity.key"), 1, "processes with SP1's identity")
        transfer = world.agree()
        world.check_moved(ids, transfer)
        equal(holders(world, CA2, "ca.key"), 1, "processes with CA2's key")


def hand_over(options):
    say("a hand-over: keys in a token and in encrypted files")
    with KeysWorld(options.cede) as world:
        world.prepare()
        ids = world.open_fleet(DEVICES)
        check((world.path(CA1) / "ca.key").read_text().startswith("pkcs11:"), "CA1 has its own key")
        check((world.path(SP1) / "identity.key").read_text().startswith("pkcs11:"), "SP1 likewise")
        for actor, name in ((PCA, "ca.key"), (CA2, "ca.key"), (CA1, "est.key"), (SP1, "server.key"),
                            (SP2, "identity.key"), (SP2, "tls.key")):
            head = (world.path(actor) / name).read_text().split("\n")[0]
            equal(head, "-----BEGIN ENCRYPTED PRIVATE KEY-----", f"{name} of {actor}")
        transfer = world.agree()
        world.check_moved(ids, transfer)

        say("without the password, or with another, nothing opens")
        world.stop_servers()
        del os.environ["CEDE_PASSWORD_FILE"]
        refused = world.run("ca", "list", "--dir", world.path(CA2), code=1).stderr
        check("--password-file" in refused, refused)
        world.password.write_text("other words\n")
        refused = world.run("ca", "list", "--dir", world.path(CA2), "--password-file",
                            world.password, code=1).stderr
        check("password does not open" in refused, refused)
        refused = world.run("ca", "serve", "--dir", world.path(CA2), "--https", "127.0.0.1:1",
                            code=1).stderr
        check("--password-file" in refused, refused)


def test(options):
    one_process_has_the_key(options)
    if not pathlib.Path(MODULE).exists():
        say("left out: no SoftHSM (package softhsm2)")
        return
    hand_over(options)


harness.main(test)
