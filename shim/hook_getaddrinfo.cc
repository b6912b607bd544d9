// shim/hook_getaddrinfo.cc: AI_ADDRCONFIG ("no IPv4 address to who has none") is about the
// machine's interfaces, and libc decides by it before it asks any module. Virtual addresses need no
// interface: they are as good on a machine that has IPv6 alone. Everything else is libc's
// getaddrinfo().
#include <netdb.h>

#include "shim/export.h"
#include "shim/real.h"
#include "shim/settings.h"

CULVERT_INTERPOSE int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                                  addrinfo** result) {
  using namespace culvert::shim;
  if (real.getaddrinfo == nullptr) find_real_functions();
  if (!settings.active || name == nullptr || hints == nullptr ||
      (hints->ai_flags & AI_ADDRCONFIG) == 0 || hints->ai_family == AF_INET6 ||
      !settings.is_virtual_name(name))
    return real.getaddrinfo(name, service, hints, result);
  addrinfo wherever = *hints;
  wherever.ai_flags &= ~AI_ADDRCONFIG;
  return real.getaddrinfo(name, service, &wherever, result);
}
