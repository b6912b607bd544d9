// culvert-igd: one task at the gateway by UPnP, then one line of an answer. Started by the agent,
// which kills it when it takes too long; of no use to people.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tunnel/portmap/igd_client.h"
#include "tunnel/proxies/pac_sandbox.h"

namespace culvert {
namespace {

constexpr unsigned kLimit = 4;  // seconds; the agent's own patience ends later (port_mapper.h)

// A gateway may send what it likes, for as long as it likes.
void limit_ourselves() {
  ::alarm(kLimit);
  const rlimit seconds{2, 2}, none{0, 0};
  ::setrlimit(RLIMIT_CPU, &seconds);
  ::setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit memory{64 << 20, 64 << 20};
  ::setrlimit(RLIMIT_DATA, &memory);
#endif
}

int work(const std::vector<std::string>& words) {
  proxies::drop_privileges();
  limit_ourselves();
  std::signal(SIGPIPE, SIG_IGN);
  const auto task = portmap::task_of(words);
  if (!task) {
    std::fprintf(stderr, "culvert-igd is started by culvert-agent, not by people: %s\n",
                 task.error().detail.c_str());
    return 2;
  }
  const auto line = portmap::to_line(portmap::do_igd_task(*task));
  return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() ? 0 : 1;
}

}  // namespace
}  // namespace culvert

int main(int argc, char** argv) { return culvert::work({argv + 1, argv + argc}); }
