"""What is measured through a link (culvert-test-link) between the near side and the far side. Sessions
begin on the link on which they are measured: a round trip that changes is another matter."""
from contenders import LINKS
from measurements import ask


def round_trip(link):
    return 2 * LINKS[link][0] / 1e3


def link_open(contender, scale):
    """The client sends its first octets as soon as connect() has come back."""
    ask(contender, "connections", "--most", 1)  # whatever must be there first
    result = ask(contender, "connections", "--seconds", 10, "--most", max(2, round(5 * scale)))
    return {"round_trips": result["p50_us"] / 1e6 / round_trip(contender.link)}


def link_stream(contender, scale):
    result = ask(contender, "throughput", "--direction", "down", "--warm-up", 2.5,
                 "--seconds", 2.0 * scale)
    return {"gbit_per_second": result["gb_per_second"] * 8}


def link_beside(contender, scale):
    result = ask(contender, "beside", "--direction", "down", "--warm-up", 1.0,
                 "--seconds", 2.0 * scale)
    return {"round_trips": result["p50_us"] / 1e6 / round_trip(contender.link)}


def link_fair(contender, scale):
    result = ask(contender, "throughput", "--direction", "down", "--streams", 20,
                 "--warm-up", 1.0, "--seconds", 2.0 * scale)
    return {"fairness": result["slowest_over_fastest"],
            "gbit_per_second": result["gb_per_second"] * 8}


# Test: the link it runs on, and how.
LINK_TESTS = {"link-open": ("far", link_open), "link-stream": ("far", link_stream),
              "link-beside": ("gbit", link_beside), "link-fair": ("gbit", link_fair)}
