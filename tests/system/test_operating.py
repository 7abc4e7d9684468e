# SPDX-License-Identifier: Apache-2.0
"""docs/operating.md is followed to the letter: every command in it runs, in its order, and does what
the text beside it says."""

import os
import re
import time

import harness
from harness import check, equal, say
from test_register import Reader, blocks


def chapter(name, count):
    found = blocks(name, "operating")
    equal(len(found), count, f"blocks of commands in '{name}'")
    return found


def making(reader):
    say("making CAs")
    first, below = chapter("Making one", 2)
    told = reader.do(first).stdout
    check(all(f"{door} 127.0.0.1:" in told.split("\n")[2] for door in
              ("https", "coap", "coaps", "est", "http")), told)
    reader.do(below)
    reader.do("openssl verify -x509_strict -CAfile root/ca.pem sub/ca.pem")


def keys(reader):
    say("keys: encrypted, in a token")
    encrypted, token = chapter("Keys", 2)
    (reader.dir / "tokens").mkdir(mode=0o700)
    config = reader.dir / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {reader.dir / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    reader.do(encrypted)
    check("ENCRYPTED" in (reader.dir / "locked" / "ca.key").read_text(), "the key is in the open")
    check("--password-file" in reader.do("cede ca list --dir locked", 1).stderr, "no password")
    reader.do(token)
    check((reader.dir / "hsm" / "ca.key").read_text().startswith("pkcs11:"), "the key is in a file")
    reader.do("cede ca issue --dir hsm --profile server --in sub.csr --out hsm.crt;"
              "openssl verify -CAfile hsm/ca.pem hsm.crt")
    uri, init = (line.strip() for line in token.strip().split("\n")[-2:])
    for number, (make, name) in enumerate((("EC -pkeyopt ec_paramgen_curve:P-384", "secp384r1"),
                                           ("RSA", "RSA"))):
        reader.do(f"openssl genpkey -algorithm {make} -out other.key; softhsm2-util --import "
                  f"other.key --token ca-token --pin 4321 --label other{number} --id 1{number}")
        said = reader.do(uri.replace("object=ca", f"object=other{number}") + "\n" +
                         init.replace("--dir hsm", "--dir other"), 1).stderr
        check("must be of P-256" in said and name in said, said)


def serving(reader):
    say("serving, registering, issuing")
    serve, vouch = chapter("Serving", 2)
    server = reader.serve(serve)
    told = reader.do(vouch).stdout
    check("coap://127.0.0.1:" in told and "coaps://127.0.0.1:" in told and "server" in told, told)
    return server


def enrols(reader):
    """With its factory certificate and a new key."""
    reader.do("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout new.key "
              "-subj /CN=meter-1 -outform DER | openssl base64 -out new.b64")
    return reader.do("curl -sSf --cacert ca/ca.pem --cert factory.pem --key factory.key -H "
                     "'Content-Type: application/pkcs10' --data-binary @new.b64 https://localhost:"
                     f"{reader.ports['9444']}/.well-known/est/simpleenroll", None).returncode == 0


def revoking(reader):
    say("revoking; CRL, OCSP; a provider that goes by them")
    revoke, provider = chapter("Revoking, and who hears of it", 2)
    lines = revoke.strip().split("\n")
    equal(len(lines), 5, "commands")
    ask = lines[-1].strip()
    check("web.pem: good" in reader.do(ask).stdout, "OCSP before")
    check(enrols(reader), "the device does not get in")
    reader.do("\n".join(lines[:2]))
    harness.wait_until("OCSP to say so", lambda: "web.pem: revoked" in reader.do(
        ask + " -no_nonce").stdout, 20)
    serial = reader.do("openssl x509 -in web.pem -noout -serial").stdout.strip().split("=")[1]
    harness.wait_until("the CRL to say so", lambda: serial in reader.do(
        "\n".join(lines[2:4])).stdout, 20)
    reader.do("cede sp init --dir sp --name SP")
    reader.do(provider)


def from_time_to_time(reader, server):
    say("a new TLS certificate, alarms, a copy and back")
    check(enrols(reader), "a device that was revoked does not enrol again, as the text says")
    look, copy = chapter("From time to time", 2)
    before = reader.do("openssl x509 -in ca/tls.pem -noout -serial -dates").stdout
    reader.do(look)
    after = reader.do("openssl x509 -in ca/tls.pem -noout -serial -dates").stdout
    check(before != after, "the TLS certificate is the old one")
    years = [int(year) for year in re.findall(r"=.* (\d{4}) GMT", after)]
    equal(years[1] - years[0], 10, "years of a TLS certificate")
    reader.do(copy)
    for _ in range(100):
        if not server.alive():
            break
        time.sleep(0.1)
    equal(server.popen.wait(1), 0, "exit status of the server")
    equal(reader.do("cede ca list --dir ca").stdout, reader.do("cede ca list --dir ca.broken").stdout,
          "what came back")
    reader.do("cp -r ca third; rm third/store.db*; mv store.copy third/store.db")
    equal(reader.do("cede ca list --dir third").stdout, reader.do("cede ca list --dir ca").stdout,
          "what sqlite3 copied")


def test(options):
    with harness.World(options.cede) as world:
        reader = Reader(world)
        making(reader)
        keys(reader)
        server = serving(reader)
        revoking(reader)
        from_time_to_time(reader, server)


if __name__ == "__main__":
    harness.main(test)
