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
#include "tunnel/carrier/proxy_question.h"

namespace culvert::carrier {

class HttpConnect final : public OpeningLayer {
 public:
  HttpConnect(const HostPort& target, std::shared_ptr<ProxyLogin> login);

  bool wants_new_connection() const override { return question_.wants_new_connection(); }
  bool waits() const override { return question_.waits(); }
  void go_on() override { ask(); }
  std::string describe() const override { return "CONNECT " + target_; }

 private:
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
  void ask();
  Result<void> judge(const HttpAnswer& answer);

  std::string target_;
  ProxyQuestion question_;
  bool answered_ = false;  // with something, if only an interim answer
  int interim_ = 0;
};

}  // namespace culvert::carrier
