"""Servers without any SDK. What is true stands in the path of each file that they open: /in/SPAN while they handle a request.

server.py KIND CONNECTIONS: prints its port, and ends when as many connections are closed.
"""
import os, re, select, socket, sys, threading

HEAD = re.compile(rb"\A(\w+) (/\S*) HTTP/1.1\r\n(.*?\r\n)?\r\n", re.S)


def look(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        pass


def take(buffer):
    """The first whole request in the buffer: its path, and what follows it."""
    head = HEAD.match(buffer)
    if not head:
        return None, buffer
    length = re.search(rb"(?i)content-length: *(\d+)", head[0])
    end = head.end() + (int(length[1]) if length else 0)
    if len(buffer) < end:
        return None, buffer
    return head[2].decode(), buffer[end:]


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000,
]


def handle(path):
    for _ in range(3):
        look("/in" + path)
    return ANSWERS[len(path + path[-1:]) % 3 if path == "/" else int(path[-1], 16) % 3]


def serve(connection):
    buffer = b""
    while True:
        path, buffer = take(buffer)
        if path is None:
            part = connection.recv(4096)
            if not part:
                break
            buffer += part
            continue
        answer = handle(path)
        half = len(answer) // 2
        connection.sendall(answer[:half])
        os.writev(connection.fileno(), [answer[half : half + 1], answer[half + 1 :]])
        look("/outside")
    connection.close()


def loop(listener, count):
    poll, buffers, sockets = select.epoll(), {}, {}
    poll.register(listener.fileno(), select.EPOLLIN)
    while count:
        ready = []
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                sockets[connection.fileno()], buffers[connection.fileno()] = connection, b""
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            part = sockets[number].recv(4096)
            if not part:
                poll.unregister(number)
                sockets.pop(number).close()
                count -= 1
                continue
            path, buffers[number] = take(buffers[number] + part)
            while path:
                ready.append((number, path))
                path, buffers[number] = take(buffers[number])
        # Handled last first, as an event loop may.
        answers = [(number, handle(path)) for number, path in reversed(ready)]
        for number, answer in reversed(answers):
            sockets[number].sendall(answer)


def main():
    kind, count = sys.argv[1], int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    print(listener.getsockname()[1], flush=True)
    if kind == "epoll":
        loop(listener, count)
    elif kind == "threads":
        threads = []
        for _ in range(count):
            threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
            threads[-1].start()
        for thread in threads:
            thread.join()
    elif kind == "prefork":
        children = []
        for worker in range(2):
            child = os.fork()
            if child == 0:
                for _ in range(count // 2):
                    serve(listener.accept()[0])
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
    elif kind == "client":
        # Asks the server at this port, in spans of its own.
        with socket.create_connection(("127.0.0.1", count)) as server:
            for span in range(1, 6):
                look("/outside")
                trace, span = "c" * 32, "%016x" % span
                server.sendall(f"GET /{span} HTTP/1.1\r\nTraceparent: 00-{trace}-{span}-01\r\n\r\n".encode())
                look("/in/" + span)
                received = b""
                while not received.endswith(b"ok"):
                    received += server.recv(2)
                look("/outside")


main()
