# SPDX-License-Identifier: Apache-2.0
"""What an operator does to let a plain EST client in, and out: docs/interop.md is followed to the
letter, then `cede ca register` and `deregister` with several files, and what they must refuse."""

import json
import os
import re
import subprocess

import harness
from harness import ROOT, check, equal, free_port, say, wait_until

CHAPTERS = ("A device of yours at a CA of yours", "EST over HTTPS", "EST-coaps")


def blocks(chapter, document="interop"):
    """The indented commands of a chapter of a document, one text each block."""
    text = (ROOT / "docs" / f"{document}.md").read_text()
    body = re.search(rf"^## {chapter}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    check(body, f"docs/{document}.md has no chapter '{chapter}'")
    return re.findall(r"(?:^    .*\n)+", body[1], re.M)


class Reader:
    """Somebody with the document, a shell and an empty folder; ports are exchanged for free ones."""

    def __init__(self, world):
        self.world, self.dir, self.ports, self.token = world, world.dir / "reader", {}, None
        (self.dir / "bin").mkdir(parents=True)
        (self.dir / "bin" / "cede").symlink_to(os.path.abspath(world.cede_path))

    def port(self, match):
        return "127.0.0.1:" + str(self.ports.setdefault(match[1], free_port()))

    def do(self, text, code=0):
        text = re.sub(r"127\.0\.0\.1:(\d+)", self.port, text)
        if self.token:
            text = text.replace("TOKEN", self.token)
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text], cwd=self.dir,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env=os.environ | {"PATH": f"{self.dir / 'bin'}:{os.environ['PATH']}"})
        check(code is None or done.returncode == code,
              f"{text}\nended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def serve(self, text):
        """A block whose last command stays: that is started alone."""
        joined = text.replace("\\\n", " ").strip().split("\n")
        check(joined[-1].endswith("&"), text)
        self.do("\n".join(joined[:-1]))
        words = re.sub(r"127\.0\.0\.1:(\d+)", self.port, joined[-1]).split()[:-1]
        process = harness.Process([str(self.dir / "bin" / "cede"), *words[1:]],
                                  self.world.logs / "reader.log",
                                  ("env", "-C", str(self.dir)))
        self.world.all_processes.append(process)
        wait_until("the CA is ready", lambda: "info ready" in process.text(), 30)
        return process


def by_the_book(reader):
    say("docs/interop.md, command by command")
    make, factory, request = blocks(CHAPTERS[0])
    server = reader.serve(make)
    for door in ("https", "est", "coaps", "http"):
        check(f"{door} 127.0.0.1:" in server.text(), f"{door} is not in: {server.text()}")
    check("coap 127" not in server.text(), server.text())
    told = reader.do(factory).stdout
    reader.token = re.search(r"^token: (\S+)$", told, re.M)[1]
    https, coaps = (re.search(rf"^{door}: (\S+)$", told, re.M)[1]
                    for door in ("EST over HTTPS", "EST-coaps"))
    reader.do(request)
    enrol = reader.do("".join(blocks("EST over HTTPS"))).stdout
    check("BEGIN CERTIFICATE" in enrol, enrol)
    for uri, chapter, operation in ((https, "EST over HTTPS", "simpleenroll"),
                                    (coaps, "EST-coaps", "sen")):
        book = "".join(blocks(chapter)).replace("TOKEN", reader.token)
        book = re.sub(r"127\.0\.0\.1:(\d+)", reader.port, book)
        check(f"{uri}/{operation}" in book, f"{uri}/{operation} is printed, the document has {book}")
    reader.do("".join(blocks("EST-coaps")))
    reader.do("openssl verify -x509_strict -CAfile ca/ca.pem new.pem")
    reader.do("openssl x509 -in new.pem -outform DER | cmp - new.der")  # the same key, once
    reader.do("openssl x509 -in new.pem -noout -pubkey | cmp - <(openssl pkey -in new.key -pubout)")


def factory(reader, name, subject, options="-extensions usr_cert"):
    reader.do(f"openssl req -x509 {options} -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc "
              f"-subj '{subject}' -days 30 -keyout {name}.key -out {name}.pem")


def many(reader):
    say("several certificates: in one file, in several, in DER; JSON; said again")
    for number in range(2, 8):
        factory(reader, f"m{number}", f"/CN=meter-{number}")
    reader.do("cat m2.key m2.pem m3.pem > both.pem; openssl x509 -in m6.pem -outform DER -out m6.der")
    words = "cede ca register --dir ca --account fleet --json"
    for files, count in (("both.pem", 2), ("both.pem m4.pem", 3), ("m6.der", 1)):
        answer = json.loads(reader.do(f"{words} --certificate {files}").stdout)
        equal(answer["registered"], count, files)
        equal(answer["token"], reader.token, "one token for an account")
        equal(set(answer), {"registered", "token", "enroll_uri_est", "enroll_uri_coaps"}, "members")
    answer = json.loads(reader.do(f"{words} --certificate m4.pem --certificate=m5.pem").stdout)
    equal(answer["registered"], 2, "certificates by two options")
    check(enrols(reader, "m5", "meter-5"), "meter-5 enrols")
    check(not enrols(reader, "m7", "meter-7"), "meter-7 enrols, and nobody registered it")


def enrols(reader, name, subject):
    reader.do(f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout own.key "
              f"-subj /CN={subject} -outform DER | openssl base64 -out own.b64")
    done = reader.do(f"curl -sSf --cacert ca/ca.pem --cert {name}.pem --key {name}.key -H "
                     f"'Content-Type: application/pkcs10' --data-binary @own.b64 https://localhost:"
                     f"{reader.ports['9444']}/.well-known/est/{reader.token}/simpleenroll", None)
    return done.returncode == 0


def refusals(reader):
    say("what is not registered, and why")
    factory(reader, "ca-like", "/CN=meter-8", "")
    factory(reader, "long", f"/CN={'x' * 33}")
    factory(reader, "unnamed", "/O=nobody")
    factory(reader, "double", "/CN=meter-1")
    factory(reader, "other", "/CN=other", "")
    reader.do("cede ca account --dir ca --name other --certificate other.pem")
    reader.do("head -c 200 m7.pem > cut.pem; cat m7.pem cut.pem > damaged.pem; echo x > text.pem")
    for account, files, wanted in (
            ("nobody", "m7.pem", "cede ca account --name nobody"),
            ("fleet", "ca-like.pem", "it is a CA's"),
            ("fleet", "long.pem", "1 to 32 bytes"),
            ("fleet", "unnamed.pem", "1 to 32 bytes"),
            ("fleet", "m7.key", "no certificate in it"),
            ("fleet", "damaged.pem", "the PEM is damaged"),
            ("fleet", "text.pem", "cede inspect"),
            ("fleet", "absent.pem", "absent.pem: no such object"),
            ("fleet", "double.pem", "another key"),
            ("other", "m2.pem", "another account holds the device"),
            ("fleet", "m7.pem both.pem ca-like.pem", "ca-like.pem, certificate 1")):
        said = reader.do(f"cede ca register --dir ca --account {account} --certificate {files}", 1)
        check(wanted in said.stderr and "token" not in said.stdout, f"{files}: {said.stderr}")
    check(not enrols(reader, "m7", "meter-7"), "a part of a refused lot was registered")
    reader.do("cede ca register --dir ca --account fleet", 2)
    said = reader.do("cede ca list --dir ca --dir other", 2)
    check("--dir is there twice" in said.stderr, said.stderr)
    reader.do("cede ca register --dir none --account fleet --certificate m7.pem", 1)
    check("[FILE ...]" in reader.do("cede ca register --help").stdout, "the usage")


def deregistering(reader):
    say("devices that are let go")
    words = "cede ca deregister --dir ca --json --account"

    def live():
        rows = map(json.loads, reader.do("cede ca list --dir ca --json").stdout.splitlines())
        return sum(row["subject"] == "meter-5" and row["status"] == "live" for row in rows)

    equal(live(), 1, "certificates of meter-5")
    for account, files, count in (("other", "m5.pem", 0), ("fleet", "m5.pem m7.pem m6.der", 2),
                                  ("fleet", "m5.pem", 0)):
        said = json.loads(reader.do(f"{words} {account} --certificate {files}").stdout)
        equal(said, {"deregistered": count}, f"{files} of {account}")
    equal(live(), 0, "certificates of meter-5 afterwards")
    check(not enrols(reader, "m5", "meter-5"), "meter-5 enrols, and was deregistered")
    for account, files, wanted in (("nobody", "m4.pem", "cede ca account --name nobody"),
                                   ("fleet", "m4.pem text.pem", "text.pem, certificate 1")):
        said = reader.do(f"{words} {account} --certificate {files}", 1)
        check(wanted in said.stderr and said.stdout == "", said.stderr)
    check(enrols(reader, "m4", "meter-4"), "a part of a refused lot was deregistered")
    said = reader.do("cede ca deregister --dir ca --account fleet --certificate m5.pem m4.pem").stdout
    check("revoked: 1\n" in said and "not held by 'fleet', or given before: 1\n" in said, said)
    reader.do("cede ca register --dir ca --account other --certificate m5.pem")


def anchors(reader, server):
    say("with factory anchors a stranger's certificate is no factory certificate")
    equal(server.stop(), 0, "exit status of the CA")
    factory(reader, "maker", "/CN=maker", "")
    reader.do("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=made "
              "-keyout made.key -out made.csr; openssl x509 -req -in made.csr -CA maker.pem -CAkey "
              "maker.key -days 30 -out made.pem -extfile <(echo basicConstraints=CA:FALSE)")
    reader.do("openssl x509 -req -in made.csr -CA maker.pem -CAkey maker.key -out v1.pem")
    said = reader.do("cede ca register --dir ca --account fleet --certificate v1.pem", 1).stderr
    check("X.509 (version 3)" in said, said)
    path = reader.dir / "ca" / "policy.json"
    policy = json.loads(path.read_text())
    policy["factory_anchors"] = [str(reader.dir / "maker.pem")]
    path.write_text(json.dumps(policy))
    said = reader.do("cede ca register --dir ca --account fleet --certificate m7.pem", 1).stderr
    check("factory_anchors" in said, said)
    reader.do("cede ca register --dir ca --account fleet --certificate made.pem")


def addresses(reader):
    say("a CA without addresses says so, and takes one later")
    said = reader.do("cede ca init --dir bare --name Bare --kind operational").stdout
    check("https - " in said and "bare/ca.json" in said, said)
    reader.do("cede ca account --dir bare --name fleet --certificate fleet.pem")
    said = reader.do("cede ca register --dir bare --account fleet --certificate m7.pem").stdout
    check('bare/ca.json tells no address ("est")' in said, said)
    path = reader.dir / "bare" / "ca.json"
    config = json.loads(path.read_text())
    config["est"] = "est.example:8443"
    path.write_text(json.dumps(config))
    said = reader.do("cede ca renew-tls --dir bare; openssl x509 -in bare/tls.pem -noout -ext "
                     "subjectAltName; cede ca register --dir bare --account fleet --certificate "
                     "m7.pem").stdout
    check("DNS:est.example" in said and said.count("127.0.0.1") == 1, said)
    check("https://est.example:8443/.well-known/est/" in said, said)
    for key in ("m7.key", "object=x"):
        said = reader.do(f"cede ca init --dir no --name No --kind operational --key {key}", 2)
        check("pkcs11:" in said.stderr, said.stderr)
    check(not (reader.dir / "no").exists(), "a refused CA left its folder")


def test(options):
    with harness.World(options.cede) as world:
        reader = Reader(world)
        by_the_book(reader)
        many(reader)
        refusals(reader)
        deregistering(reader)
        anchors(reader, world.all_processes[0])
        addresses(reader)


if __name__ == "__main__":
    harness.main(test)
