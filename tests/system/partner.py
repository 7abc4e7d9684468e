# SPDX-License-Identifier: Apache-2.0
"""partner.py - an organisation's HTTPS client, well-behaved or not: shows a TLS credential from an
actor's state directory, trusts the server's identity as a partner does."""

import contextlib
import http.client
import json
import socket
import ssl

import harness


def tls_context(world, server, client):
    """As `client` (an actor's name; None: shows no certificate) towards `server`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: a CA below another is known itself
    for name in ("identity.pem", "ca.pem"):
        if (world.path(server) / name).exists():
            context.load_verify_locations(world.path(server) / name)
    if client is not None:
        context.load_cert_chain(world.path(client) / "tls.pem", world.path(client) / "tls.key")
    return context


def address(world, server):
    host, port = world.https[server].split(":")
    return host, int(port)


def ask(world, server, client, method, path, body=None, content_type=None, timeout=20):
    """(status, content type, body) of one exchange on a connection of its own."""
    host, port = address(world, server)
    connection = http.client.HTTPSConnection(host, port, timeout=timeout,
                                             context=tls_context(world, server, client))
    with contextlib.closing(connection):
        headers = {} if content_type is None else {"Content-Type": content_type}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()


def expect_error(world, server, client, method, path, body=None, content_type=None, codes=None):
    """A refusal as it must be: 4xx, JSON, with a reason."""
    status, kind, text = ask(world, server, client, method, path, body, content_type)
    what = f"{method} {path} at {server} with {(body or b'')[:40]!r}"
    harness.check(status in codes if codes else 400 <= status < 500,
                  f"{what} is answered {status} {text!r}")
    harness.equal(kind, "application/json", f"content type of the answer to {what}")
    error = json.loads(text)
    harness.check(isinstance(error.get("error"), str) and error["error"], f"{what}: {error}")
    return status, error


def expect_no_entry(world, server, client):
    """The handshake, or what follows it at once, must fail. In TLS 1.3 a client learns that its
    certificate was refused with the first byte it reads."""
    host, port = address(world, server)
    with contextlib.closing(socket.create_connection((host, port), 20)) as plain:
        try:
            with tls_context(world, server, client).wrap_socket(plain, server_hostname=host) as tls:
                tls.sendall(b"GET /v1/anchors HTTP/1.1\r\nHost: x\r\n\r\n")
                got = tls.recv(100)
        except (ssl.SSLError, ConnectionError):
            return
        harness.check(got == b"", f"{server} answers {client}: {got!r}")
