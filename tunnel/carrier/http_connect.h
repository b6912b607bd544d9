// tunnel/carrier/http_connect.h: asks an HTTP proxy for a connection to `target` by CONNECT
// (RFC 9110 section 9.3.6) and, if it wants to know who asks, says so by ProxyLogin.
//
// Errors: kNotPermitted (it refuses the target), kAuthentication (it wants other credentials),
// kHostUnreachable and kTimedOut (it did not get through), kProtocol (it is no such proxy, or it
// redirects: a captive portal).
#pragma once
#include <memory>

#include "tunnel/base/address.h"
#include "tunnel/carrier/http_answer.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {

class HttpConnect final : public OpeningLayer {
 public:
  explicit HttpConnect(const HostPort& target);

  std::string describe() const override { return "CONNECT " + target_; }

 private:
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
  void ask();
  Result<void> judge(const HttpAnswer& answer);

  std::string target_;
  bool answered_ = false;  // with something, if only an interim answer
  int interim_ = 0;
};

}  // namespace culvert::carrier
