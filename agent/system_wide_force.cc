#include "agent/system_wide_force.h"

#include <linux/fib_rules.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/nft.h"
#include "agent/route_request.h"

namespace culvert::agent {
namespace {

constexpr const char* kKernelNeeds =
    "nf_tables, nft_tproxy, nft_socket, nft_reject_ipv4, nft_nat and nft_ct";
constexpr const char* kTree = "/sys/fs/cgroup/";
constexpr std::uint32_t kRulePriority = 17'270;  // before those of the main table (32766)

bool is_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// Beside a tree of version 1 (systemd's hybrid layout) that of version 2 is one floor down.
std::string cgroups() { return is_directory(std::string(kTree) + "unified") ? "unified/" : ""; }

RouteRequest policy_rule(std::uint16_t type, std::uint16_t flags) {
  fib_rule_hdr head{};
  head.family = AF_INET;
  head.action = FR_ACT_TO_TBL;
  RouteRequest request(type, head, flags);
  request.attribute(FRA_PRIORITY, kRulePriority);
  request.attribute(FRA_FWMARK, kMarkBase);
  request.attribute(FRA_FWMASK, kMarkMask);
  request.attribute(FRA_TABLE, kRouteTable);
  return request;
}

RouteRequest everything_local(std::uint16_t type, std::uint16_t flags) {
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_UNSPEC;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  RouteRequest request(type, route, flags);
  request.attribute(RTA_TABLE, kRouteTable);
  request.attribute(RTA_OIF, if_nametoindex("lo"));
  return request;
}

Result<void> failed(const char* what, int error) {
  const auto code = error == EPERM ? ErrorCode::kNotPermitted : ErrorCode::kIo;
  return fail(code, "cannot " + std::string(what) + ": " + std::strerror(error));
}

Result<void> add_route() {
  constexpr std::uint16_t kAdd = NLM_F_CREATE | NLM_F_EXCL;
  if (const int error = everything_local(RTM_NEWROUTE, kAdd).send(); error != 0 && error != EEXIST)
    return failed("route forwarded addresses to the agent", error);
  if (const int error = policy_rule(RTM_NEWRULE, kAdd).send(); error != 0 && error != EEXIST)
    return failed("make the routing rule for forwarded addresses", error);
  return {};
}

Result<void> remove_route() {
  const auto gone = [](int error) { return error == 0 || error == ENOENT || error == ESRCH; };
  if (const int error = policy_rule(RTM_DELRULE, 0).send(); !gone(error) && error != EAFNOSUPPORT)
    return failed("remove the routing rule", error);
  if (const int error = everything_local(RTM_DELROUTE, 0).send(); !gone(error))
    return failed("remove the route to the agent", error);
  return {};
}

// "user-1000.slice" is below "user.slice" (systemd.slice(5)).
std::string slice_path(const std::string& slice) {
  const auto name = slice.substr(0, slice.size() - std::strlen(".slice"));
  std::string path;
  for (auto dash = name.find('-', 1); dash != std::string::npos; dash = name.find('-', dash + 1))
    path += name.substr(0, dash) + ".slice/";
  return path + slice;
}

}  // namespace

Result<void> put_in_force(const SystemWide& setting) {
  if (forwards_addresses(setting))
    CULVERT_RETURN_IF_ERROR(add_route());
  else
    CULVERT_RETURN_IF_ERROR(remove_route());
  return run_nft(system_wide_rules(setting, cgroups()), kKernelNeeds);
}

Result<void> withdraw() {
  CULVERT_RETURN_IF_ERROR(run_nft(no_system_wide_rules(), kKernelNeeds));
  return remove_route();
}

Result<bool> in_force() {
  if (::geteuid() != 0) return fail(ErrorCode::kNotPermitted, "only root may see the rules");
  return run_nft(std::string("list table ip ") + kSystemWideTable, kKernelNeeds).has_value();
}

Result<std::string> find_slice(const std::string& name) {
  const auto tree = kTree + cgroups();
  const bool is_slice = name.size() > 6 && name.ends_with(".slice");
  for (const auto& path : {name.find('/') != std::string::npos ? name
                           : is_slice                          ? slice_path(name)
                                                               : "system.slice/" + name,
                           name})
    if (!path.empty() && path.front() != '/' && is_directory(tree + path)) return path;
  return fail(ErrorCode::kNameUnknown,
              "there is no control group '" + name + "' below " + tree +
                  " now: start something in it, or look at systemd-cgls for the name");
}

}  // namespace culvert::agent
