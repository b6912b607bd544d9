#include "shim/agent_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/agent_link.h"
#include "shim/recent_names.h"

namespace culvert::shim {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

NameAnswer answer_with(nss_status status, int error, int host_error) {
  NameAnswer answer;
  memset(&answer, 0, sizeof answer);
  answer.status = status;
  answer.error = error;
  answer.host_error = host_error;
  return answer;
}

NameAnswer no_such_name() { return answer_with(NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND); }
NameAnswer no_such_family() { return answer_with(NSS_STATUS_NOTFOUND, ENOENT, NO_DATA); }

bool is_numeric(const char* name) {
  uint8_t address[16];
  return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

// RFC 6761 section 6.3: "localhost" and everything below it is this machine.
bool is_localhost(const char* name) {
  constexpr char kLocalhost[] = "localhost";
  constexpr size_t kSize = sizeof kLocalhost - 1;
  size_t length = strlen(name);
  if (length > 0 && name[length - 1] == '.') --length;
  if (length < kSize || strncasecmp(name + length - kSize, kLocalhost, kSize) != 0) return false;
  return length == kSize || name[length - kSize - 1] == '.';
}

// What a verdict without address or name means.
NameAnswer refusal(uint16_t verdict) {
  switch (verdict) {
    case CULVERT_NO_SUCH_NAME: return no_such_name();
    case CULVERT_TRY_AGAIN: return try_again();
    default: return not_ours();
  }
}

template <size_t kSize>
void copy_name(char (&to)[kSize], const char* name) {
  const size_t length = strnlen(name, kSize - 1);
  memcpy(to, name, length);
  to[length] = '\0';
}

NameAnswer found(const char* name, int family, const uint8_t* octets) {
  NameAnswer answer = answer_with(NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS);
  copy_name(answer.name, name);
  answer.address.family = family;
  memcpy(answer.address.octets, octets, family == AF_INET ? 4 : 16);
  return answer;
}

}  // namespace

NameAnswer not_ours() { return answer_with(NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND); }
NameAnswer try_again() { return answer_with(NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN); }

bool can_be_asked(const char* name) {
  const size_t length = strlen(name);
  return length > 0 && length < CULVERT_NAME_MAX && !is_localhost(name) && !is_numeric(name);
}

bool find_recent_answer(const char* name, int family, NameAnswer& answer) {
  uint8_t recent[4];
  if (family == AF_INET6 || !find_recent_name(name, recent)) return false;
  answer = found(name, AF_INET, recent);
  return true;
}

NameAnswer ask_agent_for_name(const char* name, int family, int patience_ms,
                              const NameAnswer& without) {
  auto question = make_question(CULVERT_ASK_NAME);
  question.family = static_cast<uint16_t>(family);
  copy_name(question.name, name);
  AgentLink link(patience_ms);
  culvert_answer_packet answer;
  if (!link.ask(question, answer)) return without;
  if (answer.verdict != CULVERT_FOUND) return refusal(answer.verdict);
  if (answer.family != AF_INET && answer.family != AF_INET6) return try_again();
  if (family != AF_UNSPEC && family != answer.family) return no_such_family();
  const char* canonical = answer.name[0] == '\0' ? name : answer.name;
  if (canonical == name && answer.family == AF_INET) remember_name(name, answer.address);
  return found(canonical, answer.family, answer.address);
}

bool v4_of(const HostAddress& address, uint32_t& ip) {
  const bool mapped = address.family == AF_INET6 &&
                      memcmp(address.octets, kMappedPrefix, sizeof kMappedPrefix) == 0;
  if (address.family != AF_INET && !mapped) return false;
  memcpy(&ip, mapped ? address.octets + sizeof kMappedPrefix : address.octets, sizeof ip);
  ip = ntohl(ip);
  return true;
}

NameAnswer ask_agent_for_address(const HostAddress& address, uint32_t ip, int patience_ms) {
  auto question = make_question(CULVERT_ASK_ADDRESS);
  put_ipv4(question, ip, 0);
  AgentLink link(patience_ms);
  culvert_answer_packet answer;
  if (!link.ask(question, answer)) return try_again();
  // Nobody else knows names of the pool.
  if (answer.verdict == CULVERT_NOT_OURS) return no_such_name();
  if (answer.verdict != CULVERT_FOUND) return refusal(answer.verdict);
  return found(answer.name, address.family, address.octets);
}

}  // namespace culvert::shim
