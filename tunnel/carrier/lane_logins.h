// tunnel/carrier/lane_logins.h: ProxyLogin for the lanes of an HTTP exchange: what one of them has
// found out, the next one begins with. Sans-IO.
#pragma once
#include <map>

#include "tunnel/carrier/proxy_login.h"
#include "tunnel/exchange/lane_login.h"

namespace culvert::carrier {

class LaneLogins final : public exchange::LaneLogin {
 public:
  explicit LaneLogins(ProxyLogin login) : found_out_(std::move(login)) {}

  // The next lane needs a ticket of its own; it is handed in before that lane is. Fails where the
  // proxy is not to be logged in to without one.
  bool wants_ticket() const { return found_out_.for_another_connection().wants_ticket(); }
  const std::string& ticket_host() const { return found_out_.ticket_host(); }
  Result<void> take_ticket(Result<std::string> ticket);

  bool knocks(exchange::LaneId lane) override { return login_of(lane).expects_challenge(); }
  std::string authorization(exchange::LaneId lane, std::string_view method,
                            std::string_view target) override {
    return login_of(lane).authorization(method, target);
  }
  Result<Next> challenged(exchange::LaneId lane, const exchange::ResponseHead& answer) override;
  void accepted(exchange::LaneId lane) override;
  void closed(exchange::LaneId lane) override { lanes_.erase(lane); }

 private:
  ProxyLogin& login_of(exchange::LaneId lane);

  ProxyLogin found_out_;
  std::vector<std::string> tickets_;  // for lanes to come
  bool accepted_ = false;             // found_out_ is what a proxy accepted
  std::map<exchange::LaneId, ProxyLogin> lanes_;
};

}  // namespace culvert::carrier
