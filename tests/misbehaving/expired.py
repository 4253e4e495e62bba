"""A TLS server whose certificate has expired. Prints its port."""

import pathlib
import socket
import ssl

folder = pathlib.Path(__file__).parent
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "expired.pem", folder / "expired.key")
context.set_alpn_protocols(["h2", "http/1.1"])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.read()
    except OSError:
        pass
