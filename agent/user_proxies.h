// agent/user_proxies.h: proxies and PAC scripts that programs' users have set, as `culvert run`
// tells them.
//
// What the agent's own user and root name is as good as the agent's own environment. What another
// user names can carry everybody's session, if only sealed: so it counts only where the
// configuration lets that user ([access] proxies_of), comes last, is shown neither a password nor a
// ticket, and is not remembered. His script is one of the web, never a file, which this process
// might read and he might not. Knows nothing of the network.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config.h"
#include "tunnel/proxies/hint.h"

namespace culvert::agent {

class UserProxies {
 public:
  static constexpr std::size_t kMostOfOne = 4, kMostUsers = 16;
  static constexpr std::string_view kScript = "pac+";  // in front of a script's URL

  UserProxies(AccessPolicy who, uid_t own) : who_(std::move(who)), own_(own) {}

  // True: it is a new one. kBadInput: neither a proxy's URL nor a script's; kNotPermitted: not of
  // this user.
  Result<bool> name(uid_t uid, std::string_view url);
  std::vector<proxies::Hint> hints() const;  // those of the agent's own user and root first

 private:
  Result<std::string> judge_script(uid_t uid, std::string_view url) const;  // what is kept of it
  Result<std::string> judge_proxy(uid_t uid, std::string_view url) const;
  bool is_own(uid_t uid) const { return uid == own_ || uid == 0; }

  AccessPolicy who_;
  uid_t own_;
  std::map<uid_t, std::vector<std::string>> urls_;
};

}  // namespace culvert::agent
