#include "agent/user_proxies.h"

#include <algorithm>

#include "tunnel/carrier/proxy.h"

namespace culvert::agent {

Result<std::string> UserProxies::judge_proxy(uid_t uid, std::string_view url) const {
  auto proxy = carrier::parse_proxy(url);
  if (!proxy) return fail(proxy.error());
  // A chain of another user's would go where he himself may perhaps not.
  if (!is_own(uid) && !proxy->before.empty())
    return fail(ErrorCode::kNotPermitted, "another user's proxy is none of a chain");
  proxy->forget_credentials();
  return is_own(uid) ? std::string(url) : proxy->to_string();
}

Result<std::string> UserProxies::judge_script(uid_t uid, std::string_view url) const {
  const bool web = url.starts_with("http://") || url.starts_with("https://");
  if (!web && !url.starts_with("file:///"))
    return fail(ErrorCode::kBadInput, "a PAC script is at an http, https or file URL");
  if (std::ranges::any_of(url, [](char c) { return c <= ' ' || c > '~'; }))
    return fail(ErrorCode::kBadInput, "the URL of the PAC script has characters that none has");
  if (!web && !is_own(uid))
    return fail(ErrorCode::kNotPermitted, "another user's PAC script has to be one of the web");
  return std::string(kScript) + std::string(url);
}

Result<bool> UserProxies::name(uid_t uid, std::string_view url) {
  if (!who_.allows(uid, own_))
    return fail(ErrorCode::kNotPermitted, "its configuration lets this user name no proxies");
  auto kept = url.starts_with(kScript) ? judge_script(uid, url.substr(kScript.size()))
                                       : judge_proxy(uid, url);
  if (!kept) return fail(kept.error());
  if (!urls_.contains(uid) && urls_.size() >= kMostUsers)
    return fail(ErrorCode::kExhausted, "too many users have named proxies");
  auto& known = urls_[uid];
  if (std::ranges::find(known, *kept) != known.end()) return false;
  if (known.size() >= kMostOfOne) known.erase(known.begin());
  known.push_back(*std::move(kept));
  return true;
}

std::vector<proxies::Hint> UserProxies::hints() const {
  std::vector<proxies::Hint> own, others;
  for (const auto& [uid, urls] : urls_)
    for (const auto& url : urls) {
      const auto whose = "a program of user " + std::to_string(uid);
      proxies::Hint hint{url, whose, is_own(uid)};
      hint.passing = !hint.trusted;
      if (url.starts_with(kScript)) {
        hint.url.erase(0, kScript.size());
        hint.source = "the PAC script of " + whose;
        hint.script = true;
      }
      (hint.trusted ? own : others).push_back(std::move(hint));
    }
  own.insert(own.end(), others.begin(), others.end());
  return own;
}

}  // namespace culvert::agent
