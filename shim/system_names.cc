// The machine's own NSS module, libnss_culvert.so.2, for programs that have no shim in them: the
// same answers, from the system's agent, for virtual names and addresses alone. An agent that hangs
// may not hold up a machine's look-ups: it has to answer a question that it needs nobody for,
// first.
#include <stdlib.h>
#include <time.h>

#include "shim/agent_link.h"
#include "shim/domain_suffix.h"
#include "shim/name_question.h"
#include "shim/settings.h"

namespace culvert::shim {

constinit Settings settings = {};

namespace {

constexpr char kVariable[] = "CULVERT_AGENT=";
constexpr char kSystemAgent[] = "/run/culvert/agent.sock";
constexpr int kAliveWithinMs = 300;
constexpr int kHungForMs = 3'000;
constexpr int kPatienceMs = 5'000;  // of a look-up that the agent has to ask the service about
constexpr int kKnownForMs = 60'000;

// As for the shim: set and empty declines Culvert (the agent itself does), a socket is that
// agent's.
__attribute__((constructor)) void start() {
  const char* chosen = secure_getenv("CULVERT_AGENT");
  if (chosen == nullptr) chosen = kSystemAgent;
  settings.agent_owner = ~uint32_t{0};
  settings.agent.prefix = kVariable;
  settings.active =
      *chosen != '\0' && strlen(chosen) < sizeof settings.agent.text - sizeof kVariable;
  if (!settings.active) return;
  memcpy(settings.agent.text, kVariable, sizeof kVariable);
  strcpy(settings.agent.text + sizeof kVariable - 1, chosen);
}

int64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

struct Facts {
  int64_t until_ms;  // 0: not known
  uint32_t pool_address, pool_mask;
  char domains[sizeof(culvert_answer_packet::name)];
};

Facts known;
bool known_busy;  // whoever would have to wait does without, as in recent_names.h
int64_t hung_until_ms;

bool enter() { return !__atomic_exchange_n(&known_busy, true, __ATOMIC_ACQUIRE); }
void leave() { __atomic_store_n(&known_busy, false, __ATOMIC_RELEASE); }

bool recall(Facts& facts) {
  facts.until_ms = 0;
  if (!enter()) return false;
  facts = known;
  leave();
  return facts.until_ms > now_ms();
}

// False: there is no agent, or it hangs.
bool hear(Facts& facts) {
  const int64_t began = now_ms();
  if (began < __atomic_load_n(&hung_until_ms, __ATOMIC_RELAXED)) return false;
  AgentLink link(kAliveWithinMs);
  culvert_answer_packet answer;
  const bool alive = link.ask(make_question(CULVERT_ASK_AGENT), answer);
  const int64_t ended = now_ms();
  if (!alive && ended - began >= kAliveWithinMs)
    __atomic_store_n(&hung_until_ms, ended + kHungForMs, __ATOMIC_RELAXED);
  if (!alive || answer.verdict != CULVERT_FOUND || answer.port < 1 || answer.port > 32)
    return false;
  uint32_t ip = 0;
  for (int i = 0; i < 4; ++i) ip = ip << 8 | answer.address[i];
  facts.until_ms = ended + kKnownForMs;
  facts.pool_mask = ~uint32_t{0} << (32 - answer.port);
  facts.pool_address = ip & facts.pool_mask;
  memcpy(facts.domains, answer.name, sizeof facts.domains);
  if (!enter()) return true;
  known = facts;
  leave();
  return true;
}

// Whether what `is_ours` says of the agent's facts is so, and the agent is alive.
template <class IsOurs>
bool can_ask(IsOurs is_ours) {
  Facts facts;
  if (!settings.active || (recall(facts) && !is_ours(facts))) return false;
  return hear(facts) && is_ours(facts);
}

}  // namespace

NameAnswer ask_for_name(const char* name, int family) {
  if (!settings.active || !can_be_asked(name)) return not_ours();
  NameAnswer answer;
  if (find_recent_answer(name, family, answer)) return answer;
  const auto is_ours = [name](const Facts& facts) { return is_below_any(name, facts.domains); };
  if (!can_ask(is_ours)) return not_ours();
  return ask_agent_for_name(name, family, kPatienceMs, try_again());
}

NameAnswer ask_for_address(const HostAddress& address) {
  uint32_t ip;
  if (!v4_of(address, ip)) return not_ours();
  const auto is_ours = [ip](const Facts& facts) {
    return (ip & facts.pool_mask) == facts.pool_address;
  };
  if (!can_ask(is_ours)) return not_ours();
  return ask_agent_for_address(address, ip, kPatienceMs);
}

}  // namespace culvert::shim
