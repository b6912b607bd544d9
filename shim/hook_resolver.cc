// shim/hook_resolver.cc: libc's own DNS client, for programs that ask for records rather than for
// addresses (res_query and its kin). Each asks the agent's name server, by the list of servers in
// the resolver's state, which programs may change themselves (resolver(3)). Under both names, as
// <resolv.h> and its macros have called them over the years.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "shim/export.h"
#include "shim/real.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

void need_real_functions() {
  if (real.resolver_query == nullptr) find_real_functions();
}

void point_at_agent(res_state state) {
  if (settings.dns_port == 0 || state == nullptr) return;
  sockaddr_in server = {};
  server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(settings.dns_address);
  server.sin_port = htons(settings.dns_port);
  state->nscount = 1;
  state->nsaddr_list[0] = server;
}

int initialise(res_state state) {
  need_real_functions();
  const int result = real.resolver_ninit(state);
  if (result == 0) point_at_agent(state);
  return result;
}

// The state of this thread, which most callers leave to libc to prepare.
void prepare_own_state() {
  need_real_functions();
  if (settings.dns_port == 0) return;
  if ((_res.options & RES_INIT) == 0) real.resolver_init();
  point_at_agent(&_res);
}

res_state prepare(res_state state) {
  need_real_functions();
  if (settings.dns_port == 0 || state == nullptr) return state;
  if ((state->options & RES_INIT) == 0) real.resolver_ninit(state);
  point_at_agent(state);
  return state;
}

}  // namespace
}  // namespace culvert::shim

using culvert::shim::initialise;
using culvert::shim::point_at_agent;
using culvert::shim::prepare;
using culvert::shim::prepare_own_state;
using culvert::shim::real;

using Octets = unsigned char*;
using Message = const unsigned char*;

#undef res_init
#undef res_ninit
#undef res_query
#undef res_search
#undef res_querydomain
#undef res_send
#undef res_nquery
#undef res_nsearch
#undef res_nquerydomain
#undef res_nsend

CULVERT_INTERPOSE int __res_init() {
  if (real.resolver_init == nullptr) culvert::shim::find_real_functions();
  const int result = real.resolver_init();
  if (result == 0) point_at_agent(&_res);
  return result;
}

CULVERT_INTERPOSE int __res_ninit(res_state state) { return initialise(state); }

#define CULVERT_RESOLVER_CALL(prefix)                                                              \
  CULVERT_INTERPOSE int prefix##res_query(const char* name, int klass, int type, Octets answer,    \
                                          int size) {                                              \
    prepare_own_state();                                                                           \
    return real.resolver_query(name, klass, type, answer, size);                                   \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_search(const char* name, int klass, int type, Octets answer,   \
                                           int size) {                                             \
    prepare_own_state();                                                                           \
    return real.resolver_search(name, klass, type, answer, size);                                  \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_querydomain(const char* name, const char* domain, int klass,   \
                                                int type, Octets answer, int size) {               \
    prepare_own_state();                                                                           \
    return real.resolver_querydomain(name, domain, klass, type, answer, size);                     \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_send(Message message, int length, Octets answer, int size) {   \
    prepare_own_state();                                                                           \
    return real.resolver_send(message, length, answer, size);                                      \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_nquery(res_state state, const char* name, int klass, int type, \
                                           Octets answer, int size) {                              \
    return real.resolver_nquery(prepare(state), name, klass, type, answer, size);                  \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_nsearch(res_state state, const char* name, int klass,          \
                                            int type, Octets answer, int size) {                   \
    return real.resolver_nsearch(prepare(state), name, klass, type, answer, size);                 \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_nquerydomain(res_state state, const char* name,                \
                                                 const char* domain, int klass, int type,          \
                                                 Octets answer, int size) {                        \
    return real.resolver_nquerydomain(prepare(state), name, domain, klass, type, answer, size);    \
  }                                                                                                \
  CULVERT_INTERPOSE int prefix##res_nsend(res_state state, Message message, int length,            \
                                          Octets answer, int size) {                               \
    return real.resolver_nsend(prepare(state), message, length, answer, size);                     \
  }

CULVERT_RESOLVER_CALL()
CULVERT_RESOLVER_CALL(__)
