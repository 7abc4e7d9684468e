# SPDX-License-Identifier: Apache-2.0
"""The TLS certificate of a CA and its chain as strict verifiers take them: OpenSSL (-x509_strict,
purpose, name), GnuTLS, NSS (what Firefox verifies with), Python's default context, curl; with the
CRLs of every CA of the chain. Then what they must refuse: another name, another purpose, a missing
link, a revoked certificate."""

import json
import re
import socket
import ssl
import subprocess

import harness
from harness import CA1, PCA, World, check, equal, free_port, say, wait_until


def tool(*arguments, data=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, input=data, timeout=30)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Chain:
    """What the HTTPS door of CA1 shows, in PEM files."""

    def __init__(self, world):
        self.world = world
        self.below = world.hierarchy != "a"
        self.root = world.path(PCA if self.below else CA1) / "ca.pem"
        code, text = tool("openssl", "s_client", "-connect", world.est, "-showcerts", "-CAfile",
                          self.root, "-verify_return_error", data=b"")
        equal(code, 0, text)
        shown = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)
        check(shown, text)
        self.leaf, self.above = self.file("leaf.pem", shown[0]), "".join(shown[1:])
        self.untrusted = self.file("above.pem", self.above)
        self.whole = self.file("whole.pem", "".join(shown))

    def file(self, name, text):
        path = self.world.dir / name
        path.write_text(text)
        return path

    def openssl(self, *more):
        between = ["-untrusted", self.untrusted] if self.above else []
        return tool("openssl", "verify", "-x509_strict", "-CAfile", self.root, *between, *more,
                    self.leaf)

    def certtool(self, *more, bundle=None):
        return tool("certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate",
                    self.root, "--infile", bundle or self.whole, *more)

    def python(self, name):
        """The error of a handshake by Python's default context, or nothing."""
        context = ssl.create_default_context(cafile=str(self.root))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        host, port = self.world.est.split(":")
        try:
            with socket.create_connection((host, int(port)), timeout=10) as plain:
                with context.wrap_socket(plain, server_hostname=name):
                    return None
        except ssl.SSLCertVerificationError as error:
            return error.verify_message

    def crls(self):
        """PEM of the lists of all CAs of the chain, each verified by certtool."""
        text = ""
        for ca in [CA1] + ([PCA] if self.below else []):
            der = self.world.dir / f"{ca}.crl"
            code, said = tool("curl", "-sS", "-o", der, f"http://{self.world.http[ca]}/ca.crl")
            equal(code, 0, said)
            code, pem = tool("openssl", "crl", "-inform", "DER", "-in", der)
            equal(code, 0, pem)
            one = self.file(f"{ca}.crl.pem", pem)
            code, said = tool("certtool", "--verify-crl", "--infile", one,
                              "--load-ca-certificate", self.world.path(ca) / "ca.pem")
            check(code == 0 and "Verified" in said and "Not verified" not in said, said)
            code, said = tool("certtool", "--crl-info", "--infile", one)
            check(code == 0 and f"Issuer: CN={ca}" in said and "CRL Number" in said, said)
            text += pem
        return self.file("all.crl.pem", text)


class Nss:
    """A browser's store of certificates: the root is trusted for servers, the rest is only there."""

    def __init__(self, chain, with_rest=True):
        self.chain, self.world = chain, chain.world
        self.folder = chain.world.dir / ("nss" if with_rest else "nss-root")
        self.folder.mkdir()
        self.database = f"sql:{self.folder}"
        self.do(0, "certutil", "-N", "--empty-password")
        self.add("root", "C,,", chain.root)
        if with_rest:
            self.add("leaf", ",,", chain.leaf)
            if chain.below:  # else the root stands there once more
                self.add("above", ",,", chain.untrusted)

    def do(self, wanted, program, *words):
        code, said = tool(program, "-d", self.database, *words)
        check(wanted is None or code == wanted, f"{program} {words}: {code}, {said}")
        return code, said

    def add(self, name, trust, file):
        self.do(0, "certutil", "-A", "-n", name, "-t", trust, "-a", "-i", file)

    def certutil(self, usage):
        """As a TLS server (V), an S/MIME signer (S), a client (C)."""
        return self.do(None, "certutil", "-V", "-n", "leaf", "-u", usage, "-e")

    def path(self, *more):
        """libpkix, the second of its two engines: usage 1 is a TLS server."""
        return self.do(None, "vfychain", "-v", "-pp", *more, "-u", "1", "-a", "leaf")

    def handshake(self, name):
        host, port = self.world.est.split(":")
        request = self.chain.file("request", "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: ca\r\n"
                                             "Connection: close\r\n\r\n")
        return self.do(None, "tstclnt", "-h", host, "-a", name, "-p", port, "-A", request)


OCSP = ("-g", "leaf", "-h", "requireFreshInfo", "-m", "ocsp")


def accepted_by_nss(chain):
    nss = chain.nss = Nss(chain)
    code, said = nss.certutil("V")
    check(code == 0 and "certificate is valid" in said, said)
    for how in ((), OCSP):  # asks the responder that the certificate names
        code, said = nss.path(*how)
        check(code == 0 and "Chain is good!" in said, said)
    bare = chain.bare = Nss(chain, with_rest=False)  # the handshake brings the rest
    for name in ("localhost", "127.0.0.1"):
        code, said = bare.handshake(name)
        check(code == 0 and f"issuer  DN: CN={CA1}" in said and "200 OK" in said,
              f"{name}: {code}, {said}")


def refused_by_nss(chain):
    code, said = chain.bare.handshake("ca.example")
    check(code != 0 and "SSL_ERROR_BAD_CERT_DOMAIN" in said, said)
    for usage in ("S", "C"):
        code, said = chain.nss.certutil(usage)
        check(code != 0 and "is invalid" in said, f"usage {usage}: {said}")
    chain.bare.do(0, "certutil", "-M", "-n", "root", "-t", ",,")
    code, said = chain.bare.handshake("localhost")
    check(code != 0 and "authentication of server cert failed" in said, said)
    if chain.below:
        chain.nss.do(0, "certutil", "-D", "-n", "above")
        code, said = chain.nss.certutil("V")
        check(code != 0 and "issuer is not recognized" in said, said)
        chain.nss.add("above", ",,", chain.untrusted)


def revoked_for_nss(chain):
    nss = chain.nss
    code, said = nss.path(*OCSP)
    check(code != 0 and "has been revoked" in said, said)
    nss.do(0, "certutil", "-V", "-n", "leaf", "-u", "V", "-e")  # without the list nobody knows
    nss.do(0, "crlutil", "-I", "-t", "1", "-i", chain.world.dir / f"{CA1}.crl")
    code, said = nss.certutil("V")
    check(code != 0 and "has been revoked" in said, said)


def accepted(world, chain):
    for name in (("-verify_ip", "127.0.0.1"), ("-verify_hostname", "localhost")):
        code, said = chain.openssl("-purpose", "sslserver", *name)
        equal(code, 0, said)
    code, said = chain.openssl("-purpose", "sslserver", "-crl_check_all", "-CRLfile", chain.crls())
    equal(code, 0, said)
    code, said = chain.certtool("--verify-hostname", "localhost", "--verify-purpose",
                                "1.3.6.1.5.5.7.3.1")
    check(code == 0 and "The certificate is trusted" in said, said)
    for name in ("localhost", "127.0.0.1"):
        equal(chain.python(name), None, f"Python asks for {name}")
        port = world.est.split(":")[1]
        code, said = tool("curl", "-sS", "--cacert", chain.root, "-o", "/dev/null",
                          f"https://{name}:{port}/.well-known/est/cacerts")
        equal(code, 0, said)


def refused(world, chain):
    for what, words, wanted in (
            ("another name", ("-verify_hostname", "ca.example"), "hostname mismatch"),
            ("another address", ("-verify_ip", "127.0.0.2"), "IP address mismatch"),
            ("another purpose", ("-purpose", "smimesign"), "unsuitable certificate purpose"),
            ("a CRL demanded, none there", ("-crl_check",), "unable to get certificate CRL")):
        code, said = chain.openssl(*words)
        check(code != 0 and wanted.lower() in said.lower(), f"{what}: {said}")
    code, said = chain.certtool("--verify-hostname", "ca.example")
    check(code != 0 and "NOT trusted" in said, said)
    check("match" in (chain.python("ca.example") or ""), "Python takes another name")
    if chain.below:
        code, said = tool("openssl", "verify", "-x509_strict", "-CAfile", chain.root, chain.leaf)
        check(code != 0 and "unable to get local issuer" in said, said)
        code, said = chain.certtool(bundle=chain.leaf)
        check(code != 0 and "NOT trusted" in said, said)


def revoked(world, chain):
    code, said = tool("openssl", "x509", "-in", chain.leaf, "-noout", "-serial")
    equal(code, 0, said)
    serial = said.strip().rpartition("=")[2]
    world.run("ca", "revoke", "--dir", world.path(CA1), "--serial", serial.lower(), "--reason", "4")

    def on_the_list():
        code, said = tool("certtool", "--crl-info", "--infile", chain.crls().with_name(
            "CA1.crl.pem"))
        return code == 0 and serial.lower() in said

    wait_until("the CRL to have it", on_the_list, 20, 0.5)
    code, said = chain.openssl("-crl_check", "-CRLfile", chain.crls())
    check(code != 0 and "certificate revoked" in said, said)
    code, said = chain.certtool("--load-crl", world.dir / "CA1.crl.pem")
    check(code != 0 and "revoked" in said, said)


def one(cede, hierarchy):
    say(f"hierarchy {hierarchy}")
    with World(cede, hierarchy=hierarchy) as world:
        world.est = f"127.0.0.1:{free_port()}"
        world.http = {ca: f"127.0.0.1:{free_port()}" for ca in (PCA, CA1)}
        for ca, address in world.http.items():
            world.init_options[ca] = ["--http", address]
            world.serve_options[ca] = ["--http", address]
        world.serve_options[CA1] += ["--est", world.est]
        for ca in (PCA, CA1):
            world.init_ca(ca)
        for ca in (PCA, CA1):
            world.start(ca)
        chain = Chain(world)
        check(chain.above or not chain.below, "no chain comes along")
        accepted(world, chain)
        accepted_by_nss(chain)
        refused(world, chain)
        refused_by_nss(chain)
        revoked(world, chain)
        revoked_for_nss(chain)


def two_below(cede):
    """ROOT over MID over LOW: whoever trusts ROOT alone gets the links from LOW's door."""
    say("two levels below the root")
    with World(cede) as world:
        below = {"MID": "ROOT", "LOW": "MID"}
        addresses = {name: f"127.0.0.1:{free_port()}" for name in ("https", "est")}
        root = world.dir / "ROOT"
        world.run("ca", "init", "--dir", root, "--name", "ROOT", "--kind", "permanent")
        for name, parent in below.items():
            directory, issuer = world.dir / name, world.dir / parent
            request, certificate = world.dir / f"{name}.csr", world.dir / f"{name}.crt"
            policy = json.loads((issuer / "policy.json").read_text())
            policy["profiles"]["subca"].update(allowed=True, path_len=1 if name == "MID" else 0)
            (issuer / "policy.json").write_text(json.dumps(policy))
            world.run("ca", "init", "--dir", directory, "--name", name, "--kind", "operational",
                      "--https", addresses["https"], "--request-out", request)
            world.run("ca", "issue", "--dir", issuer, "--profile", "subca", "--in", request,
                      "--out", certificate)
            chain = world.dir / f"{name}.chain.pem"
            chain.write_text("".join((world.dir / above / "ca.pem").read_text()
                                     for above in (("ROOT",) if name == "MID" else
                                                   ("MID", "ROOT"))))
            world.run("ca", "init", "--dir", directory, "--certificate", certificate,
                      "--chain", chain)
        world.all_processes.append(harness.Process(
            [world.cede_path, "ca", "serve", "--dir", str(world.dir / "LOW")] +
            [word for name, at in addresses.items() for word in (f"--{name}", at)],
            world.logs / "LOW.log"))
        for version in ("-tls1_3", "-tls1_2"):
            wait_until("the door shows its chain", lambda: tool(
                "openssl", "s_client", version, "-connect", addresses["est"], "-CAfile",
                root / "ca.pem", "-verify_return_error", data=b"")[0] == 0, 30)
        code, said = tool("curl", "-sS", "--cacert", root / "ca.pem", "-o", "/dev/null",
                          f"https://{addresses['est']}/.well-known/est/cacerts")
        equal(code, 0, said)


def test(options):
    for hierarchy in ("a", "b", "c"):
        one(options.cede, hierarchy)
    two_below(options.cede)


harness.main(test)
