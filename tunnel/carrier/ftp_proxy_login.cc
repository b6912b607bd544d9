#include "tunnel/carrier/ftp_proxy_login.h"

namespace culvert::carrier {

// The second form is none: a proxy that needs no login passes what it does not understand of the
// others on to the server, the password included.
FtpProxyLogin::FtpProxyLogin(const HostPort& target,
                             const std::optional<ProxyCredentials>& credentials) {
  const auto server = target.to_string();
  const std::vector<std::string> anonymous = {"USER anonymous@" + server, "PASS guest@"};
  if (!credentials) {
    forms_ = {anonymous};
    return;
  }
  const auto user = credentials->login();
  const auto& password = credentials->password;
  forms_ = {
      {"USER " + user, "PASS " + password, anonymous[0], anonymous[1]},  // TIS fwtk, apt, lftp
      anonymous,
      {"USER anonymous@" + user + "@" + server, "PASS guest@" + password},  // SuSE proxy, "@auth"
      {"USER " + user + "@anonymous@" + server, "PASS " + password + "@guest"},  // and "auth@"
      {"USER " + user + "@" + server, "PASS " + password, "USER anonymous", "PASS guest@"},
      {"USER anonymous@" + server + " " + user, "PASS guest@", "ACCT " + password},  // Check Point
  };
}

}  // namespace culvert::carrier
