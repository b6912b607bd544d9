#include "shim/name_question.h"

#include "shim/agent_link.h"
#include "shim/settings.h"

namespace culvert::shim {

NameAnswer ask_for_name(const char* name, int family) {
  if (!settings.active || !can_be_asked(name)) return not_ours();
  NameAnswer answer;
  if (find_recent_answer(name, family, answer)) return answer;
  // Without an agent ordinary names still resolve; virtual ones are not told to anybody's DNS.
  return ask_agent_for_name(name, family, kNamePatienceMs,
                            settings.is_virtual_name(name) ? try_again() : not_ours());
}

NameAnswer ask_for_address(const HostAddress& address) {
  uint32_t ip;
  if (!settings.active || !v4_of(address, ip) || !settings.in_pool(ip)) return not_ours();
  return ask_agent_for_address(address, ip, kNamePatienceMs);
}

}  // namespace culvert::shim
