"""The world of the labs with daemons that keep their connections when their supervisors restart them."""
from sites import Sites
from supervisor import Supervisor


class KeptSites(Sites):
    def __init__(self, lab):
        self.supervisors: dict[str, Supervisor] = {}
        super().__init__(lab, native=False)

    def run_daemon(self, host, argv, log):
        one = self.supervisors[host.name] = Supervisor(host, [*argv, "--keep-for-restart"], log)
        return one.start()
