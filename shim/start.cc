// shim/start.cc: the constructor. The only place that may allocate, read files or take locks.
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "shim/keep_errno.h"
#include "shim/raw_hooks.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/v6_senders.h"

// glibc, <nss.h> does not declare it: replaces the nsswitch.conf line of one database.
extern "C" int __nss_configure_lookup(const char* database, const char* services);

namespace culvert::shim {
namespace {

// NOTFOUND is "ours, but there is no such name, or no address of that family": going on would tell
// the name to the DNS servers of the place. TRYAGAIN is "ours, but the agent cannot say now".
// UNAVAIL is "not ours" and goes on. (The other way round, UNAVAIL for "no such name", makes
// getaddrinfo(AF_INET) of glibc 2.36 say EAI_NODATA instead of EAI_NONAME.)
constexpr char kOurs[] = "culvert [NOTFOUND=return TRYAGAIN=return] ";
constexpr char kUsualServices[] = "files dns";

// The services that this machine uses for host names without us, from /etc/nsswitch.conf.
void read_other_services(char* services, size_t size) {
  char file[8192];
  const int fd = open("/etc/nsswitch.conf", O_RDONLY | O_CLOEXEC);
  const ssize_t length = fd < 0 ? 0 : read(fd, file, sizeof file - 1);
  if (fd >= 0) close(fd);
  file[length > 0 ? length : 0] = '\0';
  for (const char* line = file; *line != '\0';) {
    const char* word = line + strspn(line, " \t");
    const size_t rest = strcspn(word, "\n");
    if (strncmp(word, "hosts:", 6) == 0) {
      const size_t value = strcspn(word + 6, "#\n");
      if (value < size && strspn(word + 6, " \t") < value) {
        memcpy(services, word + 6, value);
        services[value] = '\0';
        return;
      }
    }
    line = word + rest + (word[rest] == '\n' ? 1 : 0);
  }
  memcpy(services, kUsualServices, sizeof kUsualServices);
}

void ask_us_for_names_first() {
  char services[1024];
  memcpy(services, kOurs, sizeof kOurs);
  read_other_services(services + sizeof kOurs - 1, sizeof services - sizeof kOurs);
  // Finds _nss_culvert_* by our SONAME, libnss_culvert.so.2: the loader has it already.
  __nss_configure_lookup("hosts", services);
}

__attribute__((constructor(101))) void start() {
  const KeepErrno keep;
  find_real_functions();
  find_real_syscall();
  read_settings();
  if (!settings.active) return;
  if (!settings.raw_calls_are_own) put_hooks_into_raw_calls();
  ask_us_for_names_first();
  look_for_inherited_v6_servers();
}

}  // namespace
}  // namespace culvert::shim
