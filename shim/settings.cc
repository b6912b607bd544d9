#include "shim/settings.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/domain_suffix.h"
#include "shim/forwarded.h"

namespace culvert::shim {

constinit Settings settings = {.active = false,
                               .agent = {"CULVERT_AGENT=", ""},
                               .pool = {"CULVERT_POOL=", ""},
                               .low_ports = {"CULVERT_LOW_PORTS=", ""},
                               .domains = {"CULVERT_DOMAINS=", ""},
                               .forward = {"CULVERT_FORWARD=", ""},
                               .own = {"CULVERT_OWN=", ""},
                               .dns = {"CULVERT_DNS=", ""},
                               .run = {"CULVERT_RUN=", ""},
                               .publish = {"CULVERT_PUBLISH=", ""},
                               .preload = "",
                               .pool_address = 0,
                               .pool_mask = 0,
                               .low_ports_mapped = false,
                               .raw_calls_are_own = false,
                               .tells_kernels_ports = false,
                               .agent_owner = ~uint32_t{0},
                               .started_as_root = false,
                               .own_address = 0,
                               .dns_address = 0,
                               .dns_port = 0};

namespace {

constexpr char kDefaultPool[] = "127.64.0.0/10";
constexpr char kLibrary[] = "libculvert-shim.so";

// secure_getenv: a setuid program must not ask an agent of its caller's choice.
void read(Variable& variable) {
  const size_t prefix = strlen(variable.prefix);
  char name[32] = "";
  if (prefix > sizeof name) return;
  memcpy(name, variable.prefix, prefix - 1);
  const char* value = secure_getenv(name);
  if (value == nullptr || prefix + strlen(value) >= sizeof variable.text) return;
  memcpy(variable.text, variable.prefix, prefix);
  strcpy(variable.text + prefix, value);
}

// "ADDRESS<separator>NUMBER", the number from 1 to `most`.
bool read_pair(const char* text, char separator, unsigned long most, uint32_t& ip,
               unsigned long& number) {
  char address[INET_ADDRSTRLEN] = "";
  const char* between = strchr(text, separator);
  if (between == nullptr || between - text >= INET_ADDRSTRLEN) return false;
  memcpy(address, text, static_cast<size_t>(between - text));
  in_addr parsed;
  char* end = nullptr;
  number = strtoul(between + 1, &end, 10);
  if (inet_pton(AF_INET, address, &parsed) != 1 || *end != '\0' || number < 1 || number > most)
    return false;
  ip = ntohl(parsed.s_addr);
  return true;
}

void read_pool(const char* text) {
  uint32_t ip;
  unsigned long bits;
  if (!read_pair(text, '/', 32, ip, bits)) return;
  settings.pool_mask = ~uint32_t{0} << (32 - bits);
  settings.pool_address = ip & settings.pool_mask;
}

// Kept for when a chroot hides the file: anybody can take an abstract name.
void read_agent_owner() {
  struct stat facts;
  const char* path = settings.agent.value();
  if (path[0] != '\0' && stat(path, &facts) == 0) settings.agent_owner = facts.st_uid;
}

void read_own(const char* text) {
  in_addr own;
  if (inet_pton(AF_INET, text, &own) == 1 && settings.in_pool(ntohl(own.s_addr)))
    settings.own_address = ntohl(own.s_addr);
}

void read_dns(const char* text) {
  uint32_t ip;
  unsigned long port;
  if (!read_pair(text, ':', 65535, ip, port)) return;
  settings.dns_address = ip;
  settings.dns_port = static_cast<uint16_t>(port);
}

// The entry of LD_PRELOAD word for word ("$LIB" must stay unexpanded for programs of another
// architecture), or else where the loader found us.
void find_own_name() {
  const char* entry = secure_getenv("LD_PRELOAD");
  while (entry != nullptr && *entry != '\0') {
    const size_t length = strcspn(entry, ": ");
    const void* name = memmem(entry, length, kLibrary, sizeof kLibrary - 1);
    if (name != nullptr && length < sizeof settings.preload) {
      memcpy(settings.preload, entry, length);
      settings.preload[length] = '\0';
      return;
    }
    entry += length;
    entry += strspn(entry, ": ");
  }
  Dl_info self;
  if (dladdr(&settings, &self) != 0 && self.dli_fname != nullptr &&
      strlen(self.dli_fname) < sizeof settings.preload)
    strcpy(settings.preload, self.dli_fname);
}

}  // namespace

bool Settings::is_virtual_name(const char* name) const {
  return is_below_any(name, domains.value());
}

void read_settings() {
  read(settings.agent);
  read_agent_owner();
  settings.started_as_root = geteuid() == 0;
  read(settings.pool);
  read(settings.low_ports);
  read(settings.domains);
  read(settings.forward);
  read_forwarded(settings.forward.value());
  read(settings.own);
  read(settings.dns);
  read(settings.run);
  read(settings.publish);
  read_dns(settings.dns.value());
  read_pool(settings.pool.value()[0] == '\0' ? kDefaultPool : settings.pool.value());
  read_own(settings.own.value());
  settings.low_ports_mapped = strcmp(settings.low_ports.value(), "mapped") == 0;
  find_own_name();
  settings.active = settings.agent.value()[0] != '\0';
  const char* raw = secure_getenv("CULVERT_RAW_CALLS");
  settings.raw_calls_are_own = raw != nullptr && strcmp(raw, "own") == 0;
  settings.tells_kernels_ports = settings.active && strcmp(settings.publish.value(), "always") == 0;
}

}  // namespace culvert::shim
