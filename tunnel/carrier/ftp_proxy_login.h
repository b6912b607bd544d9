// tunnel/carrier/ftp_proxy_login.h: what an FTP proxy is told about who asks, and for which server.
// No RFC says how; these are the forms that such proxies and their clients are in use with, one to
// be tried after the other. A value that outlives single connections. Holds secrets.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::carrier {

class FtpProxyLogin {
 public:
  FtpProxyLogin(const HostPort& target, const std::optional<ProxyCredentials>& credentials);

  // Commands without their CR LF: USER, PASS and ACCT. A proxy may do without a PASS or ACCT.
  const std::vector<std::string>& commands() const { return forms_[form_]; }
  bool has_another_form() const { return form_ + 1 < forms_.size(); }
  void take_another_form() { ++form_; }
  bool knows_somebody() const { return forms_.size() > 1; }

 private:
  std::vector<std::vector<std::string>> forms_;
  std::size_t form_ = 0;
};

}  // namespace culvert::carrier
