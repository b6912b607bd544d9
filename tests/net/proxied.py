"""The two sites, where site A's router lets nothing through: what leaves the site goes through a
middlebox that runs on the router."""
import dataclasses
import json
import subprocess
import time

from sites import Sites

INSIDE = "10.1.0.1"  # the router, as site A sees it
FIREWALL = """
table ip site {
  chain forward { type filter hook forward priority filter; policy drop;
    iifname "inside" counter name blocked reject with icmp type admin-prohibited
  }
  chain input { type filter hook input priority filter; policy drop;
    iifname { "lo", "inside" } accept
    ct state established,related accept
  }
  counter blocked {}
}
"""


@dataclasses.dataclass
class Attempt:
    status: int
    output: str
    errors: str


class ProxiedSites(Sites):
    direct = False  # whether paths beside the relay are looked for

    def start_agent(self, host, name, more="", settings=""):
        """Site A's is only enrolled, before the wall is closed: restart_agent_at_a() starts it."""
        super().start_agent(host, name, more, settings, self.direct)
        if host is not self.a:
            return
        self.stop_agent_at_a()
        self.router_a.run("nft", "flush", "ruleset")
        self.router_a.run("nft", "-f", "-", input=FIREWALL)
        self.config_a = (self.lab.directory / "a" / "agent.toml").read_text()

    def stop_agent_at_a(self):
        for entry in [one for one in self.daemons if one[0] is self.a]:
            self.daemons.remove(entry)
            self.a.stop(entry[1])

    def wait_until_resolved(self, limit):
        """Site A has no agent yet; whoever connects then waits for it."""

    def restart_agent_at_a(self, settings: str, environment=None):
        """The agent of site A, with these lines at the head of its configuration."""
        self.stop_agent_at_a()
        config = self.lab.directory / "a" / "agent.toml"
        config.write_text(settings + "\n" + self.config_a)
        config.chmod(0o600)
        (self.lab.directory / "a" / "state" / "networks").unlink(missing_ok=True)
        more = [f"{name}={value}" for name, value in (environment or {}).items()]
        argv = ["env", *more, str(self.build / "culvert-agent"), "--config", str(config)]
        self.daemons.append((self.a, self.run_daemon(self.a, argv, "agent")))

    def at_a(self, script: str, limit=60.0) -> Attempt:
        done = subprocess.run(self.command_at(self.a, ["sh", "-c", script]), capture_output=True,
                              text=True, env=self.environment(), timeout=limit)
        return Attempt(done.returncode, done.stdout, done.stderr)

    def enrol_beside(self, name: str, token: str, settings="") -> Attempt:
        """Another machine of site A, which knows no more than what is given here."""
        folder = self.lab.directory / "a" / name
        folder.mkdir(exist_ok=True)
        config = folder / "agent.toml"
        config.write_text(f'state_directory = "{folder}/state"\n'
                          f'control_socket = "{folder}/socket"\n{settings}\n')
        config.chmod(0o600)
        began = time.monotonic()
        done = subprocess.run(
            self.a.inside([str(self.build / "culvert"), "enroll", "--agent-config", str(config)]),
            capture_output=True, text=True, timeout=60, input=token)
        print(f"# {name}: enrolled, or not, after {time.monotonic() - began:.2f} s", flush=True)
        return Attempt(done.returncode, done.stdout, done.stderr)

    def session_at_a(self) -> dict:
        done = subprocess.run(self.status_command(self.a, "--json"), capture_output=True, text=True)
        return json.loads(done.stdout)["session"] if done.returncode == 0 else {"why": done.stderr}

    def wait_for_why(self, part: str, limit=20.0) -> str:
        """What the status of site A says about the session, once `part` is in it."""
        deadline = time.monotonic() + limit
        while True:
            done = subprocess.run(self.status_command(self.a, "--json"), capture_output=True,
                                  text=True)
            why = json.loads(done.stdout)["session"]["why"] if done.returncode == 0 else done.stderr
            if part in why or time.monotonic() > deadline:
                return why
            time.sleep(0.05)  # asks the product itself, which has no event to wait for
