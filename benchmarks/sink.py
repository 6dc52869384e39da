"""An API that reads an upload as fast as Python can and answers at once. Prints its port. Words: CERTIFICATE KEY."""

import json
import re
import socket
import ssl
import sys
from threading import Thread

ANSWER = json.dumps(
    {
        "url": "https://i.img402.dev/xY9kP3mQ7n.png",
        "id": "xY9kP3mQ7n",
        "contentType": "image/png",
        "sizeBytes": 100000,
        "expiresAt": "2026-12-31T00:00:00.000Z",
    }
).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
EXPECTS = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)


def answer_all(connection: socket.socket) -> None:
    buffer = memoryview(bytearray(1 << 20))
    head = bytearray()
    with connection:
        while count := connection.recv_into(buffer):
            head += buffer[:count]
            end = head.find(b"\r\n\r\n")
            if end < 0:
                continue
            if EXPECTS.search(head, 0, end):
                connection.sendall(CONTINUE)
            length = LENGTH.search(head, 0, end)
            left = int(length[1]) - (len(head) - end - 4) if length else 0
            while left > 0:
                left -= connection.recv_into(buffer)
            connection.sendall(RESPONSE)
            head.clear()


def serve(connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        answer_all(tls.wrap_socket(connection, server_side=True) if tls else connection)
    except OSError:
        connection.close()


def main(*certificate: str) -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        Thread(target=serve, args=(connection, tls), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
