"""Talking to a hub: connections, failures and answers, over real sockets."""

import socket
import ssl
import subprocess
import threading

import pytest

from hubctl.client import Client
from hubctl.context import Context
from hubctl.errors import NotReachable, NotSignedIn, Refused, Usage


def client_of(url, token="dvic_test_token", **more):
    return Client(Context("test", url, token, **more), timeout=2)


class OneAnswer:
    """A server that gives the same bytes to every request and remembers what it was asked."""

    def __init__(self, answer, tls=None):
        self.answer, self.tls = answer, tls
        self.asked = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                with (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection) as stream:
                    self.asked.append(stream.recv(65536))
                    stream.sendall(self.answer)
            except OSError:
                continue


def answer(status, body, *headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


def test_a_kept_connection_that_died_is_made_again(hub):
    client = client_of(hub.url)
    assert client.get("me")["user"] == "admin"
    hub.close()
    hub.listen()
    assert client.get("me")["user"] == "admin"


def test_nothing_but_a_question_is_sent_twice():
    with OneAnswer(b"") as server:
        client = client_of(f"http://127.0.0.1:{server.port}")
        with pytest.raises(NotReachable) as caught:
            client.post("runs", body={})
    assert len(server.asked) == 1
    assert "may have been carried out" in caught.value.next_step


def test_all_pages_are_fetched_also_behind_an_empty_one(hub):
    for number in range(25):
        hub.add_node(f"n{number:02d}")
    client = client_of(hub.url)
    assert len(list(client.items("nodes", page=10))) == 25
    assert len(list(client.items("nodes", page=10, limit=12))) == 12
    assert len([one for one in hub.requests if one[1] == "/nodes"]) == 5


def test_names_are_quoted_into_the_path(hub):
    hub.add_node("a node/with %2e? odd#name")
    assert client_of(hub.url).get("nodes", "a node/with %2e? odd#name")["id"] == hub.nodes[0]["id"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_never_climbs_in_the_path(hub, name):
    with pytest.raises(Usage):
        client_of(hub.url).get("nodes", name)
    assert hub.requests == []


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub", "http://", "http://user:pw@hub", "http://hub:port",
                                 "http://hub/?x=1", "http://[::1"])
def test_what_is_no_address_of_a_hub_is_refused(url):
    with pytest.raises(Usage, match="no address of a hub"):
        client_of(url)


def test_a_token_with_a_line_break_goes_into_no_header():
    with pytest.raises(Usage, match="token"):
        client_of("http://127.0.0.1:1", "dvic_a\r\nX-Evil: 1")


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotReachable, match="nothing listens"):
        client_of(f"http://127.0.0.1:{port}").get("me")


def test_a_name_that_does_not_exist():
    with pytest.raises(NotReachable, match="can't be resolved"):
        client_of("http://no-such-hub.invalid").get("me")


def test_a_hub_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(Context("x", f"http://127.0.0.1:{server.getsockname()[1]}"), timeout=0.2)
        with pytest.raises(NotReachable, match="does not answer in time"):
            client.get("me")


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", answer(200, "<html>"), answer(200, "[]"),
                                   answer(404, "<html>")])
def test_something_that_is_no_hub(reply):
    with OneAnswer(reply) as server, pytest.raises(NotReachable):
        client_of(f"http://127.0.0.1:{server.port}").get("me")


def test_a_proxy_without_its_hub_is_not_reachable():
    with OneAnswer(answer(502, "<html>Bad Gateway")) as server, pytest.raises(NotReachable, match="behind it"):
        client_of(f"http://127.0.0.1:{server.port}").get("me")


def test_a_redirect_is_told_and_never_followed_with_the_token():
    with OneAnswer(answer(301, "", "Location: https://elsewhere.example/")) as server:
        with pytest.raises(Refused, match="moved to https://elsewhere.example/"):
            client_of(f"http://127.0.0.1:{server.port}").get("me")


@pytest.mark.parametrize("status, code, wanted", [(400, "bad-request", Usage), (401, "token-expired", NotSignedIn),
                                                  (403, "forbidden", Refused), (404, "not-found", Refused),
                                                  (409, "conflict", Refused), (429, "too-many", Refused),
                                                  (503, "busy", Refused), (507, "disk-full", Refused)])
def test_each_problem_is_raised_with_the_hubs_words_and_a_next_step(hub, status, code, wanted):
    hub.refuse["GET", "/me"] = status, code, "because of the weather"
    with pytest.raises(wanted, match="because of the weather") as caught:
        client_of(hub.url).get("me")
    assert caught.value.next_step


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=hub", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_an_unknown_authority_is_refused_and_a_known_one_trusted(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with OneAnswer(answer(200, '{"user": "anna"}'), tls) as server:
        url = f"https://127.0.0.1:{server.port}"
        with pytest.raises(NotReachable, match="can't be trusted") as caught:
            client_of(url).get("me")
        assert "--ca FILE.pem" in caught.value.next_step
        assert client_of(url, ca=str(certificate / "cert.pem")).get("me") == {"user": "anna"}
    with pytest.raises(Usage, match="certificate file"):
        client_of("https://127.0.0.1:1", ca="/no/such.pem").get("me")


def test_plain_http_behind_an_https_address_is_said(hub):
    with pytest.raises(NotReachable, match="no TLS"):
        client_of(hub.url.replace("http:", "https:")).get("me")
