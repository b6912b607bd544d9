"""What may differ when every connection of a suite's tests goes by a virtual name, and why.
Patterns of fnmatch over the name of a test; one line per reason."""
import fnmatch

AT_ONCE = ("expects a non-blocking connect() to be complete when it returns, which is so on the loopback "
           "interface and nowhere else")
ARRIVED = ("expects octets to have arrived when send() returns, which is so on the loopback interface and "
           "nowhere else")
URGENT = "urgent data arrives in line"
ADDRESS = ("compares the addresses that the two ends of a connection see, and here each sees the other's "
           "virtual one")
FAMILY = ("expects nobody to reach a listener of IPv6 alone by IPv4, and those who call it by its machine's name "
          "do so by the one virtual address that this has")
BUFFERS = "expects less to fit between the two ends than there are buffers on the way"

EXCLUSIONS = [
    ("test_asyncore", "*.test_connection_attributes", AT_ONCE),
    ("test_asyncore", "*.test_handle_expt", URGENT),
    *[("test_asyncio", f"*.test_events.*EventLoopTests.{test}", ADDRESS)
      for test in ("test_create_server", "test_create_server_ssl", "test_create_server_ssl_verified",
                   "test_create_ssl_connection")],
    ("test_asyncio", "*.test_sock_lowlevel.*EventLoopTests.test_sock_accept", ADDRESS),
    ("test_asyncio", "*.test_sendfile_close_peer_in_the_middle_of_receiving", BUFFERS),
    ("test_ssl", "*.ThreadedTests.test_server_accept", ADDRESS),
    ("test_epoll", "*.TestEPoll.test_control_and_wait", AT_ONCE),
    ("test_epoll", "*.TestEPoll.test_fromfd", AT_ONCE),
    ("tornado", "*.TestIOStreamSSL*.test_inline_read_error", ARRIVED),
    ("tornado", "*.XHeaderTest.test_ip_headers", ADDRESS),
    ("trio", "*.test_open_tcp_listeners_ipv6_v6only", FAMILY),
    ("trio", "*.test_open_tcp_listeners_rebind", ADDRESS),
    ("trio", "*.test_local_address_real", ADDRESS),
    ("trio", "*.test_SocketType_unresolved_names", ADDRESS),
]


def reason(suite: str, name: str) -> str | None:
    for wanted, pattern, why in EXCLUSIONS:
        if wanted == suite and fnmatch.fnmatch(name, pattern):
            return why
    return None
