#include "shim/name_question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/agent_link.h"
#include "shim/settings.h"

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

NameAnswer not_ours() { return answer_with(NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND); }
NameAnswer no_such_name() { return answer_with(NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND); }
NameAnswer no_such_family() { return answer_with(NSS_STATUS_NOTFOUND, ENOENT, NO_DATA); }
NameAnswer try_again() { return answer_with(NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN); }

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

bool is_asked(const char* name) {
  const size_t length = strlen(name);
  return settings.active && length > 0 && length < CULVERT_NAME_MAX && !is_localhost(name) &&
         !is_numeric(name);
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

NameAnswer ask_for_name(const char* name, int family) {
  if (!is_asked(name)) return not_ours();
  auto question = make_question(CULVERT_ASK_NAME);
  question.family = static_cast<uint16_t>(family);
  copy_name(question.name, name);
  AgentLink link(kNamePatienceMs);
  culvert_answer_packet answer;
  // Without an agent ordinary names still resolve; virtual ones are not told to anybody's DNS.
  if (!link.ask(question, answer)) return settings.is_virtual_name(name) ? try_again() : not_ours();
  if (answer.verdict != CULVERT_FOUND) return refusal(answer.verdict);
  if (answer.family != AF_INET && answer.family != AF_INET6) return try_again();
  if (family != AF_UNSPEC && family != answer.family) return no_such_family();
  const char* canonical = answer.name[0] == '\0' ? name : answer.name;
  return found(canonical, answer.family, answer.address);
}

NameAnswer ask_for_address(const HostAddress& address) {
  const bool mapped = address.family == AF_INET6 &&
                      memcmp(address.octets, kMappedPrefix, sizeof kMappedPrefix) == 0;
  if (!settings.active || (address.family != AF_INET && !mapped)) return not_ours();
  const uint8_t* v4 = mapped ? address.octets + sizeof kMappedPrefix : address.octets;
  uint32_t ip;
  memcpy(&ip, v4, sizeof ip);
  if (!settings.in_pool(ntohl(ip))) return not_ours();

  auto question = make_question(CULVERT_ASK_ADDRESS);
  question.family = AF_INET;
  memcpy(question.address, v4, 4);
  AgentLink link(kNamePatienceMs);
  culvert_answer_packet answer;
  if (!link.ask(question, answer)) return try_again();
  // Nobody else knows names of the pool.
  if (answer.verdict == CULVERT_NOT_OURS) return no_such_name();
  if (answer.verdict != CULVERT_FOUND) return refusal(answer.verdict);
  return found(answer.name, address.family, address.octets);
}

}  // namespace culvert::shim
