"""What is measured: each function takes a contender and gives named numbers. Scale shortens."""
import contextlib
import subprocess

from lab import Unavailable, cpu_seconds, family, parse_line, private_bytes


def ask(contender, mode, *options):
    return parse_line(contender.lab.run(contender.command(mode, *map(str, options))))


def throughput(contender, scale, direction, streams, seconds):
    before = cpu_seconds(contender.pids())
    result = ask(contender, "throughput", "--direction", direction, "--streams", streams,
                 "--seconds", seconds * scale, "--warm-up", 0.3)
    spent = cpu_seconds(contender.pids()) - before
    numbers = {"gb_per_second": result["gb_per_second"]}
    if contender.pids():
        numbers["cpu_per_gb"] = spent / (result["total_bytes"] / 1e9)
    if streams > 1:
        numbers["fairness"] = result["slowest_over_fastest"]
    return numbers


def up(contender, scale):
    return throughput(contender, scale, "up", 1, 1.0)


def down(contender, scale):
    return throughput(contender, scale, "down", 1, 1.0)


def many(contender, scale):
    return throughput(contender, scale, "down", 100, 2.0)


def echo(contender, scale):
    result = ask(contender, "echo", "--seconds", 0.5 * scale)
    return {"p50_us": result["p50_us"], "p99_us": result["p99_us"]}


def open_one(contender, scale):
    result = ask(contender, "connections", "--seconds", 0.4 * scale, "--most", 1000)
    return {"p50_us": result["p50_us"]}


def connections(contender, scale):
    result = ask(contender, "connections", "--concurrency", 16, "--seconds", 1.0 * scale)
    return {"per_second": result["per_second"]}


def beside(contender, scale):
    result = ask(contender, "beside", "--direction", "down", "--seconds", 0.8 * scale)
    return {"p50_us": result["p50_us"], "p99_us": result["p99_us"]}


def memory(contender, scale):
    """Growth from few idle streams to many, so that what is there once does not count."""
    if not contender.daemons or not contender.holds_idle:
        return {}
    few, many_more = 250, int(2000 * scale)
    with contextlib.ExitStack() as held:
        hold(contender, few, held)
        before = private_by_daemon(contender)
        hold(contender, many_more, held)
        after = private_by_daemon(contender)
    growth = [(late - early) / many_more for early, late in zip(before, after)]
    return {"largest_daemon": max(growth), "all_daemons": sum(growth)}


def private_by_daemon(contender):
    return [sum(private_bytes(pid) for pid in family([pid])) for pid in contender.pids()]


def hold(contender, streams, held):
    """A client that holds idle streams until `held` ends."""
    command = [str(word) for word in contender.command("idle", "--streams", str(streams))]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    held.callback(client.wait)
    held.callback(client.stdin.close)
    if not client.stdout.readline():
        raise Unavailable("idle streams: " + (client.stderr.read().strip() or "no answer"))


def stalled(contender, scale):
    """How much slower an echo is beside streams whose reader stalls."""
    result = ask(contender, "stalled", "--seconds", 0.4 * scale, "--warm-up", 0.5, "--streams", 4)
    return {"slowdown": result["p50_us"] / result["alone_p50_us"]}


# In the order in which a round runs them. Memory is measured once, first: later a daemon's heap
# has holes from earlier load, in which new streams would seem to cost nothing.
TESTS = {"up": up, "down": down, "many": many, "echo": echo, "open": open_one,
         "connections": connections, "beside": beside, "stalled": stalled}
ONCE = {"memory": memory}
