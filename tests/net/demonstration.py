#!/usr/bin/env python3
"""What ./quickstart shows, in words for somebody who sees Culvert for the first time.

    tests/net/demonstration.py [--loopback]     as if network namespaces were not permitted
"""
import os
import pathlib
import subprocess
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lab as lab_module  # noqa: E402
from lab import Lab, LabError  # noqa: E402
from servers import make_sshd, make_web_server, ssh_command  # noqa: E402
from sites import NAME_B, ORDINARY, Loopback, Sites  # noqa: E402


class Narrator:
    def __init__(self):
        self.step = 2  # quickstart has said 1 and 2
        self.failed = 0

    def head(self, text):
        self.step += 1
        print(f"\n== {self.step}. {text}", flush=True)

    @staticmethod
    def tell(text):
        print(textwrap.fill(" ".join(text.split()), 96), flush=True)

    def show(self, shown: str, argv, environment, expect: str, why: str):
        """Runs what a person would type, prints what it prints, and judges it."""
        print(f"\n  $ {shown}", flush=True)
        done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        for line in done.stdout.splitlines()[:12]:
            print(f"    {line}")
        ok = expect in done.stdout
        self.failed += 0 if ok else 1
        print(f"  {'ok' if ok else 'FAILED (exit status %d)' % done.returncode}: {why}", flush=True)


def demonstrate(world, narrator, directory):
    name = NAME_B
    narrator.head("At site B: a real web server and a real sshd")
    web = make_web_server(directory / "web", world.web_port)
    ssh = make_sshd(directory / "ssh", world.ssh_port)
    world.serve_at_b([web, ssh.command])
    narrator.tell(f"""nginx listens on port 80 and sshd on port 22 of {name}. They are ordinary
        programs started under `culvert run`; the agent of site B publishes what listens.""")

    narrator.head("At site A: plain programs reach them by name")
    environment = world.environment()

    def at_a(shown, argv, expect, why):
        narrator.show(f"culvert run -- {shown}", world.command_at(world.a, argv), environment,
                      expect, why)

    at_a(f"curl http://{name}/", ["curl", "-sS", "-m", "20", f"http://{name}/"],
         "hello from behind a firewall", "curl fetched a page from a machine that admits nothing")
    at_a(f"nc {name} 22", ["sh", "-c", f"sleep 0.5 | nc -w 2 {name} 22 | head -n 1"], "SSH-2.0-",
         "nc sees the greeting of the real sshd (and we hung up)")
    command = "echo Logged in. I see you as $SSH_CONNECTION"
    at_a(f"ssh {name} '{command}'", ssh_command(ssh, 22, name, command), "Logged in.",
         "a whole ssh login; sshd saw a virtual address as its peer, never 127.0.0.1")
    at_a(f"nc -v {name} 81", ["nc", "-v", "-w", "20", name, "81"], "Connection refused",
         "nobody listens there, and the program learns it as it would natively")

    narrator.head("Forwarding: an ordinary host that knows nothing of Culvert")
    if isinstance(world, Sites):
        at_a(f"curl http://{ORDINARY}/", ["curl", "-sS", "-m", "20", f"http://{ORDINARY}/"],
             "hello from an ordinary host", "the service made an ordinary connection on its behalf")
    else:
        narrator.tell("Left out: on loopback there is no other network to forward to.")

    narrator.head("What the agent of site A says of itself")
    narrator.show("culvert status", world.status_command(world.a), environment, NAME_B,
                  "one session to the service, and one to site B, end to end, through the relay")


def finish(narrator):
    narrator.head("What to try next")
    print(textwrap.dedent("""\
          tests/net/two-sites --at-b 'python3 -m http.server 80' -- sh -c 'curl http://$CULVERT_B/'
              the same world, with any server and any program
          tests/net/two-sites --at-b 'python3 -m http.server 80' --shell
              a shell at site A; try curl http://$CULVERT_B/ and culvert status
          README.md, "Setting it up"
              your own service and machines
          ./run-tests
              every test
        Nothing of the demonstration is left running."""))
    if narrator.failed:
        print(f"\n{narrator.failed} steps FAILED")
    return 1 if narrator.failed else 0


def main() -> int:
    narrator = Narrator()
    impossible = lab_module.why_impossible()
    if "--loopback" in sys.argv[1:]:
        impossible = "it was asked for"
    if not impossible:
        lab_module.become_root_in_namespace()
    try:
        with Lab() as lab:
            if impossible:
                narrator.head("A service and two agents on loopback")
                narrator.tell(f"""Two sites with firewalls cannot be shown: {impossible}. So everything
                    runs on this machine's loopback; the programs and the protocol are the same.""")
                world = Loopback(lab, say=lambda text: print(f"  {text}", flush=True))
            else:
                narrator.head("A small Internet out of network namespaces")
                narrator.tell("""A service at 198.51.100.10, and two sites: each behind a router with NAT
                    and a stateful firewall that admits nothing from outside and lets out only
                    connections to the service. Neither site can reach the other.""")
                world = Sites(lab, native=False, say=lambda text: print(f"  {text}", flush=True))
            demonstrate(world, narrator, lab.directory)
    except LabError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    return finish(narrator)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())
